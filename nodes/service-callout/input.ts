import type { Message } from '../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../runtime/core/node.ts'
import { parsePathTemplate, TemplateError } from '../../runtime/core/values/path-template.ts'
import { getProperty, type PropertyPath } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { withEnv } from '../shared/with-env.ts'

/** A value of the form, ready to be read: text with `{{ }}`, or another typed input. */
export interface Input {
  readonly constant: boolean
  readonly async: boolean
  evaluate(message: Message, run: Run): unknown
}

/** Compiles a value; a text that is one expression and nothing else keeps the type of what it finds. */
export async function compileInput(value: string, type: string, scope: Scope): Promise<Input> {
  if (type !== 'str') return compileTypedValue(value, type, scope)
  const template = parsePathTemplate(withEnv(value, (name) => scope.env(name)))
  const only = template.parts.length === 1 ? template.parts[0] : undefined
  if (only !== undefined && typeof only !== 'string') return { constant: false, async: false, evaluate: (message) => getProperty(message, only as PropertyPath) }
  return { constant: template.constant, async: false, evaluate: (message) => template.render(message) }
}

/** What is wrong with a value, as {@link compileInput} would find it. */
export function checkInput(value: string, type: string, property: string): NodeProblem | undefined {
  if (type !== 'str') return checkTypedValue(value, type, property)
  try {
    parsePathTemplate(value)
    return undefined
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { code: 'template.syntax', property, message: error.message, remedy: 'Write {{payload.name}}; for anything that computes, choose JSONata.' }
  }
}
