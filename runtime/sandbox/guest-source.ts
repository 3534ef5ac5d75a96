import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The texts that run inside isolates, read once. */
export interface GuestSource {
  readonly prelude: string
  readonly dispatcher: string
  readonly expressions: string
  /** The JSONata library. */
  jsonata(): string
}

/**
 * Parts that a context runs when it first needs them. They stand in the prelude as functions, which V8
 * parses once per isolate and compiles when called; `eval` would not do, as it gives nothing in a
 * context that was entered from another one.
 */
const parts = { buffer: 'buffer.generated.js', web: 'web.js', 'red-util': 'red-util.js' }

export function readGuestSource(): GuestSource {
  const read = (name: string): string => readFileSync(new URL(`guest/${name}`, import.meta.url), 'utf8')
  const codec = read('codec.js').replaceAll(/^export /gm, '')
  const lazy = Object.entries(parts).map(([name, file]) => `'${name}': () =>\n${read(file)}`)
  const withCodec = (name: string): string => `(function () { 'use strict';\n${codec}\n${read(name)}\n})()`
  let jsonata: string | undefined
  return {
    prelude: `(function () { 'use strict';\n${codec}\nconst parts = {\n${lazy.join(',\n')}}\n${read('prelude.js')}\n})()`,
    dispatcher: withCodec('dispatcher.js'),
    expressions: withCodec('expressions.js'),
    jsonata: () => (jsonata ??= readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8')),
  }
}
