import type { NodeProblem } from '../core/node.ts'
import { JsonataSyntaxError, parseJsonata } from '../core/syntax/jsonata-tree.ts'

/** Longest expression taken; far longer than anybody writes by hand. */
const lengthLimit = 100_000

/**
 * What is wrong with a JSONata expression, found by parsing alone: nothing is evaluated here.
 * `undefined` when it compiles.
 */
export function checkJsonata(text: string): NodeProblem | undefined {
  if (text.length > lengthLimit) return problem(`The expression is longer than ${lengthLimit} characters.`)
  try {
    parseJsonata(text)
    return undefined
  } catch (error) {
    if (!(error instanceof JsonataSyntaxError)) throw error
    return problem(`The JSONata expression does not compile: ${error.message}${error.position === undefined ? '' : ` (at character ${error.position})`}.`)
  }
}

function problem(message: string): NodeProblem {
  return { code: 'expression.syntax', message, remedy: 'Correct the expression; the editor’s expression window shows where it fails.' }
}
