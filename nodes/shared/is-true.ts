import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import { compileTypedValue, type TypedValueScope } from '../../runtime/core/values/typed-value.ts'

/**
 * A condition over a message: JSONata that gives true or false; nothing found is false. Anything else is more likely a mistake
 * (`a := 1` for `a = 1`) than a no.
 * @throws Fault `condition.type` when it is asked
 */
export async function isTrue(condition: string, scope: TypedValueScope): Promise<(message: Message, run: Run) => boolean | Promise<boolean>> {
  const { evaluate } = await compileTypedValue(condition, 'jsonata', scope)
  const judge = (value: unknown): boolean => {
    if (typeof value === 'boolean') return value
    if (value === undefined || value === null) return false
    throw fault('condition.type', { condition, is: Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : JSON.stringify(value) })
  }
  return (message, run) => {
    const value = evaluate(message, run)
    return value instanceof Promise ? value.then(judge) : judge(value)
  }
}
