import { parseDocument } from 'yaml'
import { keyTwice } from '../consumers/yaml.ts'

/** YAML costs about a second of one core per MiB; JSON next to nothing. */
export const yamlLimitBytes = 2 * 1024 * 1024

/** A text that is no data, with what to do about it. */
export class TextProblem extends Error {
  override readonly name = 'TextProblem'
  readonly remedy: string
  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

/**
 * The value of a JSON or YAML text. Aliases are bounded; what they make may still be large.
 * @throws TextProblem with the place, when it is neither, or has a key twice
 */
export function parseText(text: string): unknown {
  const plain = text.startsWith('\ufeff') ? text.slice(1) : text
  if (/^\s*[{[]/.test(plain)) {
    try {
      return JSON.parse(plain)
    } catch {
      // Flow style of YAML begins like this as well.
    }
  }
  if (Buffer.byteLength(plain) > yamlLimitBytes) throw new TextProblem(`It is YAML of more than ${yamlLimitBytes / 1024 / 1024} MiB.`, 'Write it as JSON.')
  // The parser compares every key with every other one, for minutes when there are many.
  const document = parseDocument(plain, { uniqueKeys: false, prettyErrors: true })
  const [error] = document.errors
  if (error) throw new TextProblem(`It is neither JSON nor YAML: ${error.message.split('\n')[0]}`, 'Mend the syntax there.')
  const twice = keyTwice(document)
  if (twice !== undefined) throw new TextProblem(`The key “${twice.slice(0, 100)}” is there twice in one mapping.`, 'Keep one of them.')
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new TextProblem('It refers to itself too often.', 'Write it without YAML aliases.')
  }
}
