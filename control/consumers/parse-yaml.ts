import { isScalar, parseDocument, visit, type Document } from 'yaml'

/** Why a text is no data: it breaks the syntax, has a key twice, or makes too much of itself by aliases. */
export class YamlProblem extends Error {
  override readonly name = 'YamlProblem'
  readonly what: 'syntax' | 'twice' | 'aliases'
  /** @param detail what the parser says, or the key */
  constructor(what: YamlProblem['what'], detail: string) {
    super(detail)
    this.what = what
  }
}

/** The value of a YAML text. Aliases are bounded; what they make may still be large. @throws YamlProblem */
export function parseYaml(text: string): unknown {
  // The parser compares every key with every other one, for minutes when there are many.
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: true })
  const [error] = document.errors
  if (error) throw new YamlProblem('syntax', error.message.split('\n')[0] as string)
  const twice = keyTwice(document)
  if (twice !== undefined) throw new YamlProblem('twice', twice.slice(0, 100))
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new YamlProblem('aliases', '')
  }
}

/** A key that one mapping has twice, if there is one. */
function keyTwice(document: Document.Parsed): string | undefined {
  let twice: string | undefined
  visit(document, {
    Map(_place, { items }) {
      const seen = new Set<string>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        const name = String(key.value)
        if (seen.has(name)) {
          twice = name
          return visit.BREAK
        }
        seen.add(name)
      }
      return undefined
    },
  })
  return twice
}
