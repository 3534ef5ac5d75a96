import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { ClientRules } from '../../runtime/core/access/clients.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { parseNetworks } from '../../runtime/core/access/networks.ts'
import type { Facts } from '../../runtime/core/saying.ts'
import { parseServiceHours } from '../../runtime/core/access/service-hours.ts'
import { createZoneOffset } from '../../runtime/core/time/zone-offset.ts'
import { Refused } from '../contract.ts'
import { toPointerPart } from './json.ts'
import { schemas } from './schemas.ts'

/** More say nothing new. */
const problemsAtMost = 100

export interface Checker {
  /** @throws Refused `record.invalid` 422 with a problem per place; `base` is put before the pointers */
  check(schema: string, value: unknown, base?: string): void
}

export function createChecker(): Checker {
  const ajv = new Ajv2020({ strict: false, allErrors: true, schemas: { '#/components/schemas/Credential': schemas.Credential } as never })
  // Its types say a namespace, what is imported is the function.
  ;(addFormats as unknown as (to: Ajv2020) => void)(ajv)
  const compiled = new Map<string, ValidateFunction>()
  return {
    check(name, value, base = '') {
      let validate = compiled.get(name)
      if (!validate) compiled.set(name, (validate = ajv.compile(schemas[name] as object)))
      if (!validate(value)) throw invalid((validate.errors ?? []).map((error) => toProblem(error, base)))
    },
  }
}

/** @throws nothing: makes the refusal of a record whose fields are not what they should be */
export function invalid(problems: readonly Problem[]): Refused {
  const unique = [...new Map(problems.map((one) => [`${one.pointer}\n${one.message}`, one])).values()].slice(0, problemsAtMost)
  const [first] = unique
  return new Refused('record.invalid', 422, unique.length === 1 && first ? first.message : `${unique.length} things are not right: ${first?.message ?? ''}`, unique)
}

/** `code` and `facts`: of a problem that pages have words of their own for. */
export function problem(pointer: string, message: string, remedy: string, code = 'record.invalid', facts?: Facts): Problem {
  return { severity: 'error', code, pointer, message, remedy, ...(facts ? { facts } : {}) }
}

function toProblem({ instancePath, keyword, params, message }: ErrorObject, base: string): Problem {
  const at = `${base}${instancePath}`
  const facts = params as { missingProperty?: string; additionalProperty?: string; allowedValues?: readonly unknown[]; propertyName?: string }
  if (keyword === 'required') return problem(`${at}/${toPointerPart(String(facts.missingProperty))}`, `“${facts.missingProperty}” is missing.`, 'Send it.')
  if (keyword === 'additionalProperties') {
    return problem(`${at}/${toPointerPart(String(facts.additionalProperty))}`, `“${facts.additionalProperty}” is not known here.`, 'Leave it out, or check how it is spelt.')
  }
  if (keyword === 'enum') return problem(at, `${at} is none of ${facts.allowedValues?.map(String).join(', ')}.`, 'Send one of them.')
  if (keyword === 'propertyNames') return problem(`${at}/${toPointerPart(String(facts.propertyName))}`, `“${facts.propertyName}” is no name for this.`, 'Begin with a letter; letters, digits and . _ - follow.')
  return problem(at, `${at || 'The body'} ${message ?? 'is not right'}.`, 'See /api/v1/openapi.json for what is allowed.')
}

/** What a schema cannot say of client rules: networks, zones, windows, order of dates. */
export function checkRules(rules: ClientRules, base: string): Problem[] {
  const problems: Problem[] = []
  for (const [index, cidr] of (rules.cidrs ?? []).entries()) {
    const pointer = `${base}/cidrs/${index}`
    if (!parses(() => parseNetworks([cidr]))) problems.push(problem(pointer, `“${cidr}” is no address and no network.`, 'Write it as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32.'))
  }
  if (rules.validFrom && rules.validUntil && Date.parse(rules.validFrom) >= Date.parse(rules.validUntil)) {
    problems.push(problem(`${base}/validUntil`, 'It ends before it begins.', 'Send a later time, or leave one end out.'))
  }
  if (rules.hours) problems.push(...checkHours(rules.hours, `${base}/hours`))
  return problems
}

function checkHours(hours: NonNullable<ClientRules['hours']>, base: string): Problem[] {
  const problems = checkZone(hours.zone, `${base}/zone`)
  if (problems.length > 0) return problems
  for (const [index, window] of hours.windows.entries()) {
    if (parses(() => parseServiceHours({ zone: hours.zone, windows: [window] }))) continue
    problems.push(problem(`${base}/windows/${index}`, `The window ${window.from} to ${window.to} cannot be read.`, 'Write times as HH:MM.'))
  }
  return problems
}

export function checkZone(zone: string, pointer: string): Problem[] {
  if (parses(() => createZoneOffset(zone)) && parses(() => new Intl.DateTimeFormat('en', { timeZone: zone }))) return []
  return [problem(pointer, `“${zone}” is no IANA time zone.`, 'Write it as Asia/Taipei or Europe/London.')]
}

function parses(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}
