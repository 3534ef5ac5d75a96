import { readPointer } from '../json-schema/pointer.ts'
import { SchemaProblem } from '../json-schema/schema-problem.ts'
import { asJson, type Json } from './json-object.ts'

/** What a reference inside the document leads to, over a few steps, and where that is. @throws SchemaProblem */
export function deref(document: Json, value: unknown, pointer: string): { readonly value: Json; readonly pointer: string } {
  let at = asJson(value)
  let where = pointer
  for (let steps = 0; typeof at['$ref'] === 'string'; steps++) {
    const reference = at['$ref'] as string
    if (!reference.startsWith('#/')) throw new SchemaProblem(`${where}/$ref`, `“${reference.slice(0, 200)}” refers to another document, and none is ever fetched.`, 'Put what it refers to into “components”.')
    const next = decode(reference.slice(1))
    const found = next === undefined ? undefined : readPointer(document, next)
    if (found === undefined || steps > 20) throw new SchemaProblem(`${where}/$ref`, `“${reference.slice(0, 200)}” is not in the document.`, 'Add what it refers to, or mend the reference.')
    at = asJson(found)
    where = next as string
  }
  return { value: at, pointer: where }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
