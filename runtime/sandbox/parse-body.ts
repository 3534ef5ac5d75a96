import { fault } from '../core/fault.ts'
import { parseScript, ScriptSyntaxError, type ScriptForm, type Tree } from '../core/syntax/script-tree.ts'

/**
 * The block that code is as the body of a function.
 * @param part says which of several scripts of a node it is
 * @throws Fault `script.syntax` with the line the user typed
 */
export function parseBody(code: string, form?: ScriptForm, part?: string): Tree {
  try {
    return parseScript(code, form)
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error
    throw fault('script.syntax', { message: error.message, line: error.line, column: error.column, ...(part && { part }) }, error)
  }
}
