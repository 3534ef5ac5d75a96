const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads bytes as one JSON object in which no name stands twice, at any depth (RFC 7515 §4, RFC 7519 §4: names are unique).
 * Readers differ in which of two members they take, so that one that checks and one that uses could see different values.
 * @returns undefined for what is not UTF-8, no JSON, no object, or says something twice
 */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return saysTwice(text) ? undefined : (value as Record<string, unknown>)
  } catch {
    return undefined
  }
}

/** Whether an object of a text that is JSON has two members of one name, however the name is written. */
function saysTwice(json: string): boolean {
  /** Names so far, of each object that is open; `undefined`: a list. */
  const open: (Set<string> | undefined)[] = []
  let expectName = false
  for (let at = 0; at < json.length; at += 1) {
    switch (json[at]) {
      case '{': open.push(new Set()); expectName = true; break
      case '[': open.push(undefined); expectName = false; break
      case '}': case ']': open.pop(); expectName = false; break
      case ',': expectName = open.at(-1) !== undefined; break
      case '"': {
        const start = at
        for (at += 1; json[at] !== '"'; at += 1) if (json[at] === '\\') at += 1
        if (!expectName) break
        expectName = false
        const name = JSON.parse(json.slice(start, at + 1)) as string
        const names = open.at(-1) as Set<string>
        if (names.has(name)) return true
        names.add(name)
        break
      }
      default:
    }
  }
  return false
}
