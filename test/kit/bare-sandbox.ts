import jsonata from 'jsonata'
import { Body } from '../../runtime/core/http/body.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'

/** Expressions evaluated right here, for tests of what stands around them: no isolate, no limits. */
export function bareSandbox(): Sandbox {
  const plain = (value: unknown): unknown => (value instanceof Body ? value.value() : value)
  const own = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))
  return {
    jsonata: async (text) => {
      const expression = jsonata(text)
      return async (message) => own(await expression.evaluate(own({ ...message, payload: plain(message.payload) })))
    },
    jsonataOf: async (text) => {
      const expression = jsonata(text)
      return async (input, _run, bindings) => own(await expression.evaluate(own(plain(input)), bindings))
    },
    template: async (text) => (message) => text.replace(/\{\{payload\.(\w+)\}\}/g, (_, name: string) => String((plain(message.payload) as Record<string, unknown>)?.[name] ?? '')),
    script: () => Promise.reject(new Error('scripts are not part of this test')),
  }
}
