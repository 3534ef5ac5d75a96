import type { AcceptedJob, JobAct } from '../../../control/contract.ts'
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

/** `sluice jobs replay`: all dead letters, or those of one flow. */
export async function runJobsReplay(client: RecordsClient, { flow }: { readonly flow?: string }, output: Output): Promise<void> {
  let replayed = 0
  const seen = new Set<string>()
  for (;;) {
    const dead = (await client.jobs({ state: 'failed', flow, limit: most })).filter(({ id }) => !seen.has(id))
    if (dead.length === 0) break
    for (const { id } of dead) {
      seen.add(id)
      await client.actOnJob(id, 'retry')
      replayed += 1
    }
  }
  output.result(replayed === 0 ? 'There are no dead letters.' : `${replayed} dead ${replayed === 1 ? 'letter is' : 'letters are'} tried again.`, { replayed })
}

function toRow({ id, flow, node, part, state, attempt, attempts, acceptedAtMs, reason }: AcceptedJob): string[] {
  return [id, flow, part === undefined ? node : `${node} (${part})`, state, `${attempt}/${attempts}`, new Date(acceptedAtMs).toISOString(), reason?.code ?? '']
}
