/** What a template reads, as paths into the message; nothing else has a part in its text. */
export type TemplateInputs = readonly (readonly string[])[]

const tag = /\{\{\{?\s*([#^/!&=>]?)\s*([^{}]*?)\s*\}?\}\}/g
/** Environment, contexts, and handles: what is there may be another thing each time. */
const elsewhere = /^(?:env|flow|global|res)(?=$|[.[])/

/**
 * The inputs of a Mustache template with sections. `undefined`: they cannot be told from its text, or it has no section and
 * costs less than to remember what it gave. Inside a section a name may mean something of the item, which lies within what the section reads, or
 * something of the message: its first part is an input then.
 */
export function inputsOfTemplate(text: string): TemplateInputs | undefined {
  const paths = new Map<string, readonly string[]>()
  let depth = 0
  let hasSections = false
  for (const [, kind = '', name = ''] of text.matchAll(tag)) {
    if (kind === '!') continue
    if (kind === '/') {
      depth -= 1
      continue
    }
    if (kind === '=' || kind === '>' || elsewhere.test(name)) return undefined
    if (name === '.') {
      if (depth === 0) return undefined
    } else {
      const parts = name.split('.')
      const path = depth === 0 ? parts : parts.slice(0, 1)
      paths.set(path.join('.'), path)
    }
    if (kind === '#' || kind === '^') {
      depth += 1
      hasSections = true
    }
  }
  return hasSections ? [...paths.values()] : undefined
}
