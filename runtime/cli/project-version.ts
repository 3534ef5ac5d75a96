import { readFileSync } from 'node:fs'

/** The version of this copy of Sluice. */
export function projectVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
}
