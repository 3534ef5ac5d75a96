import { Refused } from '../../control/contract.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { asRecord, readBody, readJson } from '../web/body.ts'
import type { Exchange } from '../web/exchange.ts'
import type { Call, Endpoint, QueryParameter } from './endpoint.ts'

const bodyLimitBytes = 1024 * 1024
const yamlLimitBytes = 32 * 1024 * 1024

/** The body as the endpoint takes it. @throws Refused `body.malformed` 400, `body.too_large` 413 */
export async function readCallBody({ request }: Exchange, { request: wanted, bodyLimitBytes: limitBytes = bodyLimitBytes, confidential }: Endpoint): Promise<unknown> {
  if (wanted === undefined) return undefined
  if (wanted !== 'yaml') return asRecord(await readJson(request, limitBytes).catch((thrown: unknown) => {
    // The parser says what it stumbled over.
    if (confidential && thrown instanceof Refused && thrown.code === 'body.malformed') throw new Refused('body.malformed', 400, 'The body is not valid JSON.')
    throw thrown
  }))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readBody(request, yamlLimitBytes))
  } catch (thrown) {
    if (thrown instanceof Refused) throw thrown
    throw new Refused('body.malformed', 400, 'The body is not UTF-8.')
  }
}

/**
 * The version that `If-Match` names (RFC 9110 §13.1.1); `undefined` for `*`. Weak tags match nothing there.
 * @throws Refused `precondition.required` 428 (RFC 6585 §3), `record.stale` 412
 */
export function readVersion({ request }: Exchange): number | undefined {
  const header = request.headers['if-match']?.trim()
  if (!header) throw new Refused('precondition.required', 428, 'Say with If-Match which version you changed: the ETag of the record as you read it, or * for whichever there is.')
  if (header === '*') return undefined
  const version = /^"(\d{1,15})"$/.exec(header)?.[1]
  if (version === undefined) throw new Refused('record.stale', 412, `No record has the ETag ${header.slice(0, 100)}. Read it again and send its ETag.`)
  return Number(version)
}

/** The same of what may be made as well: `none` without, or with `If-None-Match: *` (RFC 9110 §13.1.2). */
export function readExpected(exchange: Exchange): number | 'none' | undefined {
  const { headers } = exchange.request
  return headers['if-none-match'] === '*' || !headers['if-match'] ? 'none' : readVersion(exchange)
}

/** What was to be made and is there already: 412 for who said that there was to be none, else 428, so that nobody replaces it unawares. */
export function toUnmet(thrown: unknown, { request }: Exchange): unknown {
  const { code, message } = thrown as Partial<Refused>
  if (code !== 'record.exists') return thrown
  const how = 'Say with If-Match which one you change: its ETag as you read it, or * for whichever there is.'
  return request.headers['if-none-match'] === '*' ? new Refused(code, 412, `${message} ${how}`) : new Refused('precondition.required', 428, `${message} ${how}`)
}

/** @throws Refused `query.invalid` 422 for parameters that are not known or not what they should be */
export function readQuery(url: URL, wanted: readonly QueryParameter[]): Call['query'] {
  const problems: Problem[] = []
  const query: Record<string, string | number | boolean> = {}
  for (const [name, text] of url.searchParams) {
    const parameter = wanted.find((one) => one.name === name)
    const value = parameter && parse(parameter, text)
    if (value !== undefined) query[name] = value
    else {
      const message = parameter ? `“${name}” is not what it should be.` : `There is no parameter “${name}”.`
      problems.push({ severity: 'error', code: 'query.invalid', property: name, message, remedy: parameter ? parameter.description : `There are: ${wanted.map((one) => one.name).join(', ') || 'none'}.` })
    }
  }
  if (problems.length > 0) throw new Refused('query.invalid', 422, problems[0]!.message, problems)
  return query
}

function parse({ schema }: QueryParameter, text: string): string | number | boolean | undefined {
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (schema.type === 'integer') {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return number >= (schema.minimum as number) && number <= (schema.maximum as number) ? number : undefined
  }
  return text.length <= (schema.maxLength as number) ? text : undefined
}
