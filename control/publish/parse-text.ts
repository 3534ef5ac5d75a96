import { parseYaml, YamlProblem } from '../consumers/parse-yaml.ts'

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
 * The value of a JSON or YAML text.
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
  try {
    return parseYaml(plain)
  } catch (thrown) {
    if (!(thrown instanceof YamlProblem)) throw thrown
    const { what, message } = thrown
    if (what === 'syntax') throw new TextProblem(`It is neither JSON nor YAML: ${message}`, 'Mend the syntax there.')
    if (what === 'twice') throw new TextProblem(`The key “${message}” is there twice in one mapping.`, 'Keep one of them.')
    throw new TextProblem('It refers to itself too often.', 'Write it without YAML aliases.')
  }
}
