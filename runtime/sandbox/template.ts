import { resolve } from '../core/http/body.ts'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Context } from '../core/state/context.ts'
import type { Evaluate, ExpressionHost } from '../core/sandbox.ts'
import { escapeHtml, parseTemplate, renderTemplate } from './mustache.ts'

const outputLimit = 10 * 1024 * 1024
const stepLimit = 1_000_000

/**
 * A template as Node-RED's template node reads it: names are looked up in the message, then as `env.X`,
 * then as `flow.x` or `global.x`. `escape` says what `{{}}` does to a value; `{{{}}}` never escapes it,
 * except that with `json` both write strings as they stand inside a JSON string.
 * @throws Fault `template.error` when it does not parse
 */
export function createTemplate(text: string, host: ExpressionHost, escape: 'html' | 'json' | 'url' | 'none'): Evaluate<string> {
  const tokens = parseTemplate(text)
  const missing = (name: string): unknown => {
    if (name.startsWith('env.')) return host.env(name.slice(4))
    const scope = /^(flow|global)(?:\[\w+\])?\.(.+)$/.exec(name)
    if (!scope) return undefined
    const context: Context = host.contexts[scope[1] as 'flow' | 'global']
    return context.get(scope[2] as string)
  }
  const rules = {
    escape: escapes[escape],
    missing,
    outputLimit,
    stepLimit,
    ...(escape === 'json' && { string: escapeJson }),
  }
  return (message) => renderTemplate(tokens, viewOf(message), rules)
}

function viewOf(message: Message): Record<string, unknown> {
  try {
    return { ...message, payload: resolve(message.payload) }
  } catch (error) {
    throw error instanceof SyntaxError ? fault('body.malformed', { type: 'JSON', reason: error.message }, error) : error
  }
}

const escapeJson = (text: string): string => JSON.stringify(text).slice(1, -1)
const asIs = (text: string): string => text
const escapes = { html: escapeHtml, json: asIs, url: (text: string) => encodeURIComponent(text.toWellFormed()), none: asIs }
