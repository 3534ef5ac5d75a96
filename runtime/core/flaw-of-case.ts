/** What is wrong with the shape of a case, or nothing. */
export function flawOfCase(given: unknown): string | undefined {
  if (!isRecord(given)) return 'it is not an object'
  const { name, request, expect, caller, upstreams } = given
  if (typeof name !== 'string' || name === '') return 'it has no name'
  if (!isRecord(request) || typeof request['url'] !== 'string' || !request['url'].startsWith('/')) return 'request.url is to be a path such as /hello'
  if (request['headers'] !== undefined && !isRecord(request['headers'])) return 'request.headers is to be an object'
  if (!isRecord(expect) || !Number.isInteger(expect['status'])) return 'expect.status is to be a number'
  if (caller !== undefined && !isRecord(caller)) return 'caller is to be an object: fields of the message'
  if (upstreams === undefined) return undefined
  const isPlayed = (one: unknown) => isRecord(one) && isRecord(one['match']) && typeof one['match']['url'] === 'string' && isRecord(one['reply'])
  if (!Array.isArray(upstreams) || !upstreams.every(isPlayed)) return 'every upstream needs match.url and reply'
  return undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
