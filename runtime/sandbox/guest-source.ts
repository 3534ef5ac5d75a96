import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The texts that run inside isolates, read once. */
export interface GuestSource {
  readonly prelude: string
  readonly dispatcher: string
  readonly expressions: string
  /** A part that a context loads when it first needs it. */
  part(name: string): string
}

const parts = new Set(['buffer', 'red-util', 'web'])

export function readGuestSource(): GuestSource {
  const read = (name: string): string => readFileSync(new URL(`guest/${name}`, import.meta.url), 'utf8')
  const codec = read('codec.js').replaceAll(/^export /gm, '')
  const loaded = new Map<string, string>()
  return {
    prelude: `(function () { 'use strict';\n${codec}\n${read('prelude.js')}\n})()`,
    dispatcher: read('dispatcher.js'),
    expressions: `(function () { 'use strict';\n${codec}\n${read('expressions.js')}\n})()`,
    part(name) {
      let text = loaded.get(name)
      if (text === undefined) {
        if (name === 'jsonata') text = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8')
        else if (parts.has(name)) text = name === 'buffer' ? read('buffer.generated.js') : read(`${name}.js`)
        else text = ''
        loaded.set(name, text)
      }
      return text
    },
  }
}
