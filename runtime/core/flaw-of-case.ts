/** What is wrong with the shape of a case, or nothing. */
export function flawOfCase(given: unknown): string | undefined {
  if (!isRecord(given)) return 'it is not an object'
  const { name, request, expect, caller, upstreams } = given
  if (typeof name !== 'string' || name === '') return 'it has no name'
  if (!isRecord(request) || typeof request['url'] !== 'string' || !request['url'].startsWith('/')) return 'request.url is to be a path such as /hello'
  if (request['headers'] !== undefined && !isRecord(request['headers'])) return 'request.headers is to be an object'
  const bytes = flawOfBytes(request, 'request')
  if (bytes !== undefined) return bytes
  if (!isRecord(expect) || !Number.isInteger(expect['status'])) return 'expect.status is to be a number'
  if (caller !== undefined && !isRecord(caller)) return 'caller is to be an object: fields of the message'
  if (upstreams === undefined) return flawOfBytes(expect, 'expect')
  const isPlayed = (one: unknown) => isRecord(one) && isRecord(one['match']) && typeof one['match']['url'] === 'string' && isRecord(one['reply'])
  if (!Array.isArray(upstreams) || !upstreams.every(isPlayed)) return 'every upstream needs match.url and reply'
  for (const { asked, reply } of upstreams as readonly Readonly<Record<string, unknown>>[]) {
    if (asked !== undefined && !isRecord(asked)) return 'asked of an upstream is to be an object with json, text or base64'
    const flaw = flawOfBytes(reply, 'reply') ?? flawOfBytes(asked, 'asked')
    if (flaw !== undefined) return flaw
  }
  return flawOfBytes(expect, 'expect')
}

/** What is wrong with bytes that are written as Base64. */
function flawOfBytes(given: unknown, where: string): string | undefined {
  const { base64, body } = isRecord(given) ? given : {}
  if (base64 === undefined) return undefined
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0) return `${where}.base64 is to be bytes in Base64`
  return body === undefined ? undefined : `${where} has body and base64, of which one is to be there`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
