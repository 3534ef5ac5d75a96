import type { NodeProblem } from '../../runtime/core/node.ts'
import { parseScript, ScriptSyntaxError } from '../../runtime/core/syntax/script-tree.ts'

/** Which of a function node's three scripts. */
export type ScriptPart = 'On Message' | 'On Start' | 'On Stop'

const parameters = { 'On Message': 'msg, node', 'On Start': 'node', 'On Stop': 'node' }
const properties = { 'On Message': 'func', 'On Start': 'initialize', 'On Stop': 'finalize' }

/** What is wrong with a script, found by parsing alone; lines are those the user typed. */
export function checkScript(code: string, what: ScriptPart): NodeProblem | undefined {
  try {
    parseScript(code, { parameters: parameters[what], async: what !== 'On Stop' })
    return undefined
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error
    return {
      code: 'script.syntax',
      property: properties[what],
      message: `The ${what} code does not compile: ${error.message} (line ${error.line}, column ${error.column}).`,
      remedy: 'Correct the code at that line.',
    }
  }
}
