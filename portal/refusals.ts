import type { Refused } from '../control/contract.ts'
import type { Problem } from '../runtime/core/flow.ts'
import { fill, lookUp } from '../runtime/core/saying.ts'
import type { FormProblem } from './forms/form-view.ts'
import type { T } from './pages/consumers/view.ts'
import { texts, translator, type TextKey } from './texts.ts'
import type { Language } from './web/language.ts'

const byCode: Readonly<Record<string, TextKey>> = {
  'record.stale': 'staleAct',
  'record.exists': 'idTaken',
  'record.in_use': 'inUse',
  'record.retired': 'isRetired',
  'record.managed': 'keptByConnector',
  'record.none': 'noRecord',
  'auth.role': 'notAllowed',
  'credential.two_live': 'twoLive',
  'credential.taken': 'credentialTaken',
  'lifecycle.four_eyes': 'fourEyesSame',
  'lifecycle.not_requested': 'notRequested',
  'lifecycle.move': 'illegalMove',
  'subscription.exists': 'alreadySubscribed',
  'subscription.lifecycle': 'notSubscribable',
  'subscription.plan': 'planNotForYou',
  'subscription.visibility': 'targetHidden',
  'subscription.state': 'wrongState',
}

/** What the check of records says for programs, and what a person at a form reads instead. */
const byMessage: readonly (readonly [RegExp, TextKey])[] = [
  [/ is missing\.$/, 'isMissing'],
  [/must NOT have fewer than 1 characters/, 'isMissing'],
  [/must be <= (\S+)\.$/, 'tooMuch'],
  [/must be >= (\S+)\.$/, 'tooLittle'],
  [/must be > (\S+)\.$/, 'notAbove'],
  [/must be integer/, 'noWhole'],
  [/must be number/, 'noNumber'],
  [/must NOT have more than (\d+) characters/, 'tooLong'],
  [/must NOT have fewer than (\d+) items/, 'tooFew'],
  [/must match format "date-time"/, 'badMoment'],
  [/must match pattern/, 'badForm'],
  [/ is none of /, 'notOffered'],
  [/^“(.*)” is no address and no network/, 'badNetwork'],
  [/^It ends before it begins/, 'endsEarly'],
  [/^“(.*)” is no IANA time zone/, 'badZone'],
  [/^The window (.+) to (.+) cannot be read/, 'badWindow'],
  [/^“(.*)” is no name for this/, 'badAttribute'],
]

/** The sentence for a code, where the reader's language has one of its own; the others are `refused.<code>`. */
export function refusalKey(code: string): TextKey | undefined {
  const key = lookUp(byCode, code) ?? `refused.${code}`
  return Object.hasOwn(texts, key) ? (key as TextKey) : undefined
}

/** A refusal in the reader's words: of those that are known in his language, of others what was said. */
export function sayRefusal(refused: Pick<Refused, 'code' | 'message' | 'facts'>, t: T): string {
  const key = refusalKey(refused.code)
  return (key && fill(t(key), refused.facts)) || refused.message
}

/** The same on a page that stands for nothing else: English as control says it, whatever a page has put in words already as it is. */
export function sayWhy(refused: Refused, language: Language): string {
  if (language === 'en' || Object.values(texts).some((text) => text[language] === refused.message)) return refused.message
  return sayRefusal(refused, translator(language))
}

/** Problems of a record as problems of the form that shows it: `/quotas/0/limit` is the field `quotas.0.limit`. */
export function toFormProblems(problems: readonly Problem[], t: T): FormProblem[] {
  return problems.map((problem) => ({ at: (problem.pointer ?? '').replace(/^\//, '').replaceAll('/', '.'), text: sayProblem(problem, t) }))
}

/** One problem in the reader’s words, with what to do. */
export function sayProblem({ code, message, remedy, facts = {} }: Problem, t: T): string {
  const coded = refusalKey(code)
  const said = coded && fill(t(coded), facts)
  if (said) return said
  for (const [pattern, key] of byMessage) {
    const found = pattern.exec(message)
    if (found) return fill(t(key), Object.fromEntries(found.slice(1).map((part, i) => [String(i), part])))
  }
  return [message, remedy].join(' ')
}
