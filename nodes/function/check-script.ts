import { parse } from 'acorn'
import type { NodeProblem } from '../../runtime/core/node.ts'

/** Which of a function node's three scripts. */
export type ScriptPart = 'On Message' | 'On Start' | 'On Stop'

const parameters = { 'On Message': 'msg, node', 'On Start': 'node', 'On Stop': 'node' }
const properties = { 'On Message': 'func', 'On Start': 'initialize', 'On Stop': 'finalize' }

/**
 * What is wrong with a script, found by parsing alone; lines are those the user typed. The code is parsed
 * by itself first, so that it cannot close the function that will stand around it.
 */
export function checkScript(code: string, what: ScriptPart): NodeProblem | undefined {
  const alone = problemOf(code, 0, what, { allowReturnOutsideFunction: true, allowAwaitOutsideFunction: what !== 'On Stop' })
  if (alone) return alone
  const head = what === 'On Stop' ? 'function' : 'async function'
  return problemOf(`(${head} (${parameters[what]}) {\n${code}\n})`, 1, what, {})
}

function problemOf(text: string, linesBefore: number, what: ScriptPart, options: object): NodeProblem | undefined {
  try {
    parse(text, { ecmaVersion: 'latest', ...options })
    return undefined
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const { line = 1, column = 0 } = (error as { loc?: { line: number; column: number } }).loc ?? {}
    const message = error.message.replace(/ \(\d+:\d+\)$/, '')
    return {
      code: 'script.syntax',
      property: properties[what],
      message: `The ${what} code does not compile: ${message} (line ${line - linesBefore}, column ${column + 1}).`,
      remedy: 'Correct the code at that line.',
    }
  }
}
