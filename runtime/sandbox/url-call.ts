const parts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'] as const
type Part = (typeof parts)[number]

/**
 * The host's URL parser for guests (WHATWG URL): text in, the parts as JSON out.
 * @throws TypeError for what is not a URL
 */
export function urlCall(text: string, base: string, part: string | undefined, value: string | undefined): string {
  const url = base === '' ? new URL(text) : new URL(text, base)
  if (part !== undefined && part !== 'origin' && (parts as readonly string[]).includes(part)) url[part as Exclude<Part, 'origin'>] = value ?? ''
  return JSON.stringify(Object.fromEntries(parts.map((name) => [name, url[name]])))
}
