import type { ClientPlan, ClientPlanInput } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toListQuery, type ListOptions } from './consumers.ts'
import { toColumns, toLines } from './print.ts'
import { formatQuota, parseNumber, parseQuota } from './read-options.ts'

/** `sluice plans list` */
export async function runPlansList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: ClientPlan[] = []
  for await (const one of client.all('plans', toListQuery(options))) items.push(one)
  const rows = items.map((one) => [one.id, one.name, one.organisation ?? '-', String(one.priority), limitsOf(one)])
  output.result(items.length === 0 ? 'No plans.' : toColumns(['ID', 'NAME', 'ORGANISATION', 'PRIORITY', 'LIMITS'], rows), { items })
}

/** `sluice plans show` */
export async function runPlansShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const plan = await client.get('plans', id)
  output.result(toLines([
    ['id', plan.id], ['name', plan.name], ['organisation', plan.organisation ?? 'every'], ['limits', limitsOf(plan)], ['priority', plan.priority], ['roles', plan.roles?.join(', ')],
    ['approval', plan.autoApprove ? 'not needed' : 'needed'], ['description', plan.description], ['state', plan.retiredAt ? 'retired' : 'active'], ['version', plan.version],
  ]), { ...plan })
}

export interface PlanOptions {
  readonly id?: string
  readonly organisation?: string
  readonly quota?: readonly string[]
  readonly rate?: string
  readonly burst?: string
  readonly concurrency?: string
  readonly priority?: string
  readonly autoApprove?: boolean
  readonly description?: string
}

/** `sluice plans add` */
export async function runPlansAdd(client: RecordsClient, name: string, options: PlanOptions, output: Output): Promise<void> {
  const made = await client.create('plans', { name, ...toPlan(options), ...(options.id ? { id: options.id } : {}), ...(options.organisation ? { organisation: options.organisation } : {}) })
  output.result(`Added ${made.id}: ${limitsOf(made)}.`, { ...made })
}

/** `sluice plans change`: what is not said stays. */
export async function runPlansChange(client: RecordsClient, id: string, options: PlanOptions, output: Output): Promise<void> {
  const patch = toPlan(options)
  if (Object.keys(patch).length === 0) throw new CommandFailed('Say what to change, such as --quota or --rate.', {}, exitCodes.usage)
  const { version } = await client.get('plans', id)
  const changed = await client.patch('plans', id, patch, version)
  output.result(`${id} is now: ${limitsOf(changed)}. Counters are kept.`, { ...changed })
}

/** `sluice plans retire` */
export async function runPlansRetire(client: RecordsClient, id: string, output: Output): Promise<void> {
  const gone = await client.retire('plans', await client.get('plans', id))
  output.result(`${id} is retired.`, { ...gone })
}

function toPlan({ quota, rate, burst, concurrency, priority, autoApprove, description }: PlanOptions): Partial<ClientPlanInput> {
  if (burst !== undefined && rate === undefined) throw new CommandFailed('--burst goes with --rate.', {}, exitCodes.usage)
  const perSecond = rate === undefined ? undefined : parseNumber('--rate', rate)
  return {
    ...(quota ? { quotas: quota.map(parseQuota) } : {}),
    ...(perSecond === undefined ? {} : { rate: { perSecond, burst: burst === undefined ? Math.max(1, Math.ceil(perSecond)) : parseNumber('--burst', burst) } }),
    ...(concurrency === undefined ? {} : { concurrency: parseNumber('--concurrency', concurrency) }),
    ...(priority === undefined ? {} : { priority: parseNumber('--priority', priority) }),
    ...(autoApprove === undefined ? {} : { autoApprove }),
    ...(description === undefined ? {} : { description }),
  }
}

function limitsOf({ quotas, rate, concurrency }: ClientPlan): string {
  const parts = [...quotas.map(formatQuota), ...(rate ? [`${rate.perSecond}/s burst ${rate.burst}`] : []), ...(concurrency === undefined ? [] : [`${concurrency} at once`])]
  return parts.length === 0 ? 'unlimited' : parts.join(', ')
}
