/* oxlint-disable eqeqeq -- the operators compare as Node-RED's do: 5 equals "5" */
import { parseJson } from '../../runtime/core/values/json-depth.ts'
import { compileLinear, type LinearRegex } from '../../runtime/core/values/linear-regex.ts'
import type { SwitchRule } from './rules.ts'

/** Compares the property `a` with the rule's values. */
export type Compare = (a: any, b: any, c: any) => boolean

/** The comparison of a rule that looks at values alone. `undefined` for those that look at more (sequence, JSONata, else). */
export function compareOf(rule: SwitchRule): Compare | undefined {
  switch (rule.t) {
    case 'eq':
      return (a, b) => a == b
    case 'neq':
      return (a, b) => a != b
    case 'lt':
      return (a, b) => a < b
    case 'lte':
      return (a, b) => a <= b
    case 'gt':
      return (a, b) => a > b
    case 'gte':
      return (a, b) => a >= b
    case 'btwn':
      return (a, b, c) => (a >= b && a <= c) || (a <= b && a >= c)
    case 'cont':
      return (a, b) => `${a}`.includes(`${b}`)
    case 'regex':
      return regexOf(rule)
    case 'true':
      return (a) => a === true
    case 'false':
      return (a) => a === false
    case 'null':
      return (a) => a == null
    case 'nnull':
      return (a) => a != null
    case 'empty':
      return (a) => sizeOf(a) === 0
    case 'nempty':
      return (a) => (sizeOf(a) ?? 0) > 0
    case 'istype':
      return isType(String(rule.v ?? rule.vt))
    case 'hask':
      return (a, b) => a != null && typeof b !== 'object' && Object.hasOwn(Object(a), `${b}`)
    default:
      return undefined
  }
}

/** A pattern that is written in the rule is compiled once; one that a message brings, when it changes. */
function regexOf(rule: SwitchRule): Compare {
  const flags = rule.case === true ? 'i' : ''
  if (rule.vt === 'str') {
    const regex = compileLinear(String(rule.v ?? ''), flags)
    return (a) => regex.test(`${a}`)
  }
  let last: { readonly source: string; readonly regex: LinearRegex } | undefined
  return (a, b) => {
    const source = `${b}`
    if (last?.source !== source) last = { source, regex: compileLinear(source, flags) }
    return last.regex.test(`${a}`)
  }
}

function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : undefined
}

function isType(type: string): Compare {
  switch (type) {
    case 'array':
      return (a) => Array.isArray(a)
    case 'buffer':
      return (a) => a instanceof Uint8Array
    case 'json':
      return isJson
    case 'null':
      return (a) => a === null
    case 'number':
      return (a) => typeof a === 'number' && !Number.isNaN(a)
    default:
      return (a) => typeof a === type && !Array.isArray(a) && !(a instanceof Uint8Array) && a !== null
  }
}

function isJson(value: unknown): boolean {
  try {
    parseJson(value as string)
    return true
  } catch {
    return false
  }
}
