import type { AcceptedFlow, AcceptedJob, JobAct, JobFlowAct } from '../../../control/contract.ts'
import type { Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toColumns } from './print.ts'

const most = 200

/** `sluice jobs list`: accepted work, newest first. */
export async function runJobsList(client: RecordsClient, { state, flow }: { readonly state?: string; readonly flow?: string }, output: Output): Promise<void> {
  const jobs = await client.jobs({ state, flow, limit: most })
  output.result(jobs.length === 0 ? 'There is no such job.' : toColumns(['job', 'flow', 'node', 'state', 'attempt', 'accepted', 'reason'], jobs.map(toRow)), { jobs })
}

/** `sluice jobs show`. */
export async function runJobsShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const job = await client.job(id)
  output.result([toColumns(['job', 'flow', 'node', 'state', 'attempt', 'accepted', 'reason'], [toRow(job)]), ...(job.reason ? [job.reason.message] : [])].join('\n\n'), { job })
}

/** `sluice jobs cancel`, `retry`. */
export async function runJobsAct(client: RecordsClient, id: string, act: JobAct, output: Output): Promise<void> {
  const job = await client.actOnJob(id, act)
  output.result(`${id} is ${job.state}.`, { job })
}

/** `sluice jobs move`. */
export async function runJobsMove(client: RecordsClient, id: string, { to }: { readonly to: string }, output: Output): Promise<void> {
  const job = await client.moveJob(id, Number(to))
  output.result(job.state === 'pending' ? `${id} waits with priority ${to}.` : `${id} is ${job.state}: nothing was changed.`, { job })
}

/** `sluice jobs drain`: all of a flow that wait are cancelled. What is under way goes on. */
export async function runJobsDrain(client: RecordsClient, flow: string, output: Output): Promise<void> {
  const drained = await actOnAll(client, { state: 'pending', flow }, 'cancel')
  output.result(drained === 0 ? `Nothing of ${flow} waits.` : `${drained} ${drained === 1 ? 'job of' : 'jobs of'} ${flow} ${drained === 1 ? 'is' : 'are'} cancelled.`, { drained })
}

/** `sluice jobs replay`: all dead letters, or those of one flow. */
export async function runJobsReplay(client: RecordsClient, { flow }: { readonly flow?: string }, output: Output): Promise<void> {
  const replayed = await actOnAll(client, { state: 'failed', flow }, 'retry')
  output.result(replayed === 0 ? 'There are no dead letters.' : `${replayed} dead ${replayed === 1 ? 'letter is' : 'letters are'} tried again.`, { replayed })
}

/** Each job is acted on once, though it may be found again. Gives how many they were. */
async function actOnAll(client: RecordsClient, query: { readonly state: 'failed' | 'pending'; readonly flow: string | undefined }, act: JobAct): Promise<number> {
  const seen = new Set<string>()
  for (;;) {
    const found = (await client.jobs({ ...query, limit: most })).filter(({ id }) => !seen.has(id))
    if (found.length === 0) return seen.size
    for (const { id } of found) {
      seen.add(id)
      await client.actOnJob(id, act)
    }
  }
}

/** `sluice jobs flows`: accepted work by flow. */
export async function runJobsFlows(client: RecordsClient, output: Output): Promise<void> {
  const flows = await client.jobFlows()
  output.result(flows.length === 0 ? 'No flow has accepted work.' : toColumns(['flow', 'state', 'waiting', 'under way', 'dead letters'], flows.map(toFlowRow)), { flows })
}

/** `sluice jobs pause`, `resume`. */
export async function runJobsActOnFlow(client: RecordsClient, id: string, act: JobFlowAct, output: Output): Promise<void> {
  const flow = await client.actOnJobFlow(id, act)
  output.result(act === 'pause' ? `${id} is paused: ${flow.running} under way go on, ${flow.pending} wait until it is resumed.` : `${id} goes on with ${flow.pending + flow.running}.`, { flow })
}

function toFlowRow({ flow, paused, pending, running, dead }: AcceptedFlow): string[] {
  return [flow, paused ? 'paused' : 'running', String(pending), String(running), String(dead)]
}

function toRow({ id, flow, node, part, state, attempt, attempts, acceptedAtMs, reason }: AcceptedJob): string[] {
  return [id, flow, part === undefined ? node : `${node} (${part})`, state, `${attempt}/${attempts}`, new Date(acceptedAtMs).toISOString(), reason?.code ?? '']
}
