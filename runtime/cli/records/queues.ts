import type { LineAct, Queue } from '../../../control/contract.ts'
import { isPriority } from '../../core/lines/priority.ts'
import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toColumns } from './print.ts'

/** `sluice queues list`: how many wait, by priority, and for how long. */
export async function runQueuesList(client: RecordsClient, output: Output): Promise<void> {
  const queues = await client.queues()
  output.result(queues.length === 0 ? 'No queue is open.' : toColumns(['queue', 'scope', 'state', 'under way', 'waiting', 'by priority 0 … 9', 'longest'], queues.map(toRow)), { queues })
}

/** `sluice queues show`: on each gateway, and what a call of each priority would wait now. */
export async function runQueuesShow(client: RecordsClient, name: string, output: Output): Promise<void> {
  const queue = await client.queue(name)
  output.result(toText(queue), { queue })
}

/** `sluice queues pause`, `resume`, `drain`. */
export async function runQueuesAct(client: RecordsClient, name: string, act: Exclude<LineAct['act'], 'move'>, output: Output): Promise<void> {
  const queue = await client.actOnQueue(name, { act })
  const said = { pause: 'is paused: nobody gets a turn until it is resumed', resume: 'gives turns again', drain: 'is drained: who waited was refused' }[act]
  output.result(`${name} ${said}.`, { queue })
}

/** `sluice queues move`: all of one priority that wait, to another. */
export async function runQueuesMove(client: RecordsClient, name: string, { from, to }: { readonly from: string; readonly to: string }, output: Output): Promise<void> {
  const [a, b] = [Number(from), Number(to)]
  if (!isPriority(a) || !isPriority(b)) throw new CommandFailed('A priority is a whole number from 0, the most important, to 9.', {})
  const queue = await client.actOnQueue(name, { act: 'move', from: a, to: b })
  output.result(`Those that waited with priority ${a} at ${name} wait with priority ${b}.`, { queue })
}

function toRow({ name, scope, paused, underWay, waiting, longestWaitMs }: Queue): string[] {
  return [name, scope, paused ? 'paused' : 'running', String(underWay), String(waiting.reduce((sum, count) => sum + count, 0)), waiting.join(' '), seconds(longestWaitMs)]
}

function toText(queue: Queue): string {
  return [
    toColumns(['queue', 'scope', 'state', 'under way', 'waiting', 'by priority 0 … 9', 'longest'], [toRow(queue)]),
    toColumns(['gateway', 'under way', 'waiting by priority 0 … 9', 'longest'], queue.gateways.map(({ gateway, slots, active, waiting, longestWaitMs }) => [gateway, `${active.reduce((sum, count) => sum + count, 0)}${slots === undefined ? '' : `/${slots}`}`, waiting.join(' '), seconds(longestWaitMs)])),
    `A call that came now would wait: ${queue.expectedMs.map((ms, priority) => `${priority}: ${seconds(ms)}`).join(', ')}`,
  ].join('\n\n')
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
