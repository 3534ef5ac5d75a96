import type { JoinConfig } from './config.ts'

/** What stands between joined pieces; `undefined` when bytes are asked for that are none. */
export function toJoiner({ joiner, joinerType }: Pick<JoinConfig, 'joiner' | 'joinerType'>): string | Buffer | undefined {
  if (joinerType === 'str') {
    const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\u001b', f: '\f', 0: '\0' }
    return joiner.replace(/\\([nrtef0])/g, (_, letter: string) => escapes[letter] as string)
  }
  try {
    const list: unknown = JSON.parse(joiner === '' ? '[]' : joiner)
    return Array.isArray(list) && list.every((item) => Number.isInteger(item) && item >= 0 && item <= 255) ? Buffer.from(list as number[]) : undefined
  } catch {
    return undefined
  }
}
