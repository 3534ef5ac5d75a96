import type { ClientSubscription } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { targetOf, toListQuery, type ListOptions } from './consumers.ts'
import { toColumns } from './print.ts'

/** `sluice subscriptions list` */
export async function runSubscriptionsList(client: RecordsClient, options: ListOptions & { readonly application?: string }, output: Output): Promise<void> {
  const items: ClientSubscription[] = []
  for await (const one of client.all('subscriptions', { ...toListQuery(options), ...(options.application ? { application: options.application } : {}) })) items.push(one)
  output.result(items.length === 0 ? 'No subscriptions.' : toColumns(['ID', 'APPLICATION', 'TO', 'PLAN', 'STATE', 'COMMENT'], items.map((one) => [one.id, one.application, targetOf(one), one.plan, one.state, one.comment ?? ''])), { items })
}

/** `sluice subscriptions add APPLICATION api:orders --plan gold` */
export async function runSubscriptionsAdd(client: RecordsClient, application: string, to: string, options: { readonly plan: string; readonly comment?: string }, output: Output): Promise<void> {
  const [, kind = 'api', id = ''] = /^(?:(api|group|product):)?([a-z0-9._-]+)$/.exec(to) ?? []
  if (id === '') throw new CommandFailed(`“${to}” is nothing to subscribe to. Write it as orders, group:shop or product:all.`, {}, exitCodes.usage)
  const target = kind === 'group' ? { group: id } : kind === 'product' ? { product: id } : { api: id }
  const made = await client.create('subscriptions', { application, plan: options.plan, ...(options.comment ? { comment: options.comment } : {}), ...target })
  output.result(made.state === 'approved' ? `${application} is subscribed to ${to} (${made.id}).` : `Asked for: the subscription ${made.id} waits for approval.`, { ...made })
}

/** `sluice subscriptions approve|refuse|suspend|resume` */
export async function runSubscriptionsDecide(client: RecordsClient, id: string, act: 'approve' | 'refuse' | 'suspend' | 'resume', options: { readonly reason?: string }, output: Output): Promise<void> {
  const decided = await client.decide(await client.get('subscriptions', id), act, options.reason)
  output.result(`The subscription of ${decided.application} to ${targetOf(decided)} is ${decided.state} now.`, { ...decided })
}
