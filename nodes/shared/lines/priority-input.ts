import type { MessageClient } from '../../../runtime/core/access/clients.ts'
import { fault } from '../../../runtime/core/fault.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../../runtime/core/node.ts'
import { isPriority, lowestPriority, type Priority } from '../../../runtime/core/lines/priority.ts'
import type { Run } from '../../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue } from '../../../runtime/core/values/typed-value.ts'
import { after, createReader, type NumberType } from '../limits/limit-inputs.ts'

/** How important a message is, as nodes with lines ask for it. */
export interface PriorityConfig {
  readonly priority: string | number
  /** client: from the plan of the caller. */
  readonly priorityType: 'client' | NumberType
}

/** The two properties of `PriorityConfig`. */
export const prioritySchema = {
  priority: { type: ['string', 'number'], default: '', title: 'Priority', description: '0, the most important, to 9.' },
  priorityType: { enum: ['client', 'num', 'msg', 'jsonata', 'env'], default: 'client', title: 'Priority from', description: 'client: from the plan of the caller that an auth node let in; 9 without one.' },
} as const

/** What is wrong with them. */
export function checkPriority({ priority, priorityType }: PriorityConfig): (NodeProblem | undefined)[] {
  if (priorityType === 'client') return []
  const problems: (NodeProblem | undefined)[] = [checkTypedValue(priority, priorityType, 'priority')]
  if (priorityType === 'num' && (String(priority).trim() === '' || !isPriority(Number(priority)))) {
    problems.push({ code: 'queue.priority', property: 'priority', message: `The priority must be a whole number from 0 to 9, but is “${priority}”.`, remedy: 'Enter 0 for the most important, 9 for the least.' })
  }
  return problems
}

/** Reads the priority of a message; at once where no expression has to be asked. What it gives throws Fault `queue.priority`. */
export async function createPriorityReader({ priority, priorityType }: PriorityConfig, scope: Scope): Promise<(message: Message, run: Run) => Priority | Promise<Priority>> {
  if (priorityType === 'client') return ofCaller
  const read = createReader([await compileTypedValue(priority, priorityType, scope)])
  return (message, run) => after<readonly unknown[], Priority>(read(message, run), ([value]) => toPriority(value))
}

function ofCaller({ client }: Message): Priority {
  const { priority } = (client ?? {}) as Partial<MessageClient>
  return isPriority(priority) ? priority : lowestPriority
}

function toPriority(value: unknown): Priority {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (isPriority(number)) return number
  throw fault('queue.priority', { is: value === undefined ? 'missing' : typeof value === 'object' ? typeof value : String(value).slice(0, 40) })
}
