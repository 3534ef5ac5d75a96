import { Body } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { parseJson } from '../../runtime/core/values/json-depth.ts'
import { labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { validate } from './schema.ts'

export interface JsonConfig {
  readonly property: string
  /** '': whatever it is not yet; obj: to a value; str: to text. */
  readonly action: '' | 'obj' | 'str'
  readonly pretty: boolean
}

/** Turns JSON text into its value, and values into JSON text. */
export const json = defineNode<JsonConfig, 'out'>({
  type: 'json',
  category: 'transform',
  label: { en: 'json', 'zh-TW': 'JSON' },
  summary: { en: 'Converts between JSON text and its value, and checks it against a JSON Schema.', 'zh-TW': '在 JSON 文字與其值之間轉換，並可依 JSON Schema 檢查。' },
  icon: 'parser-json.svg',
  stockForm: 'parsers/70-JSON',
  outputs: ['out'],
  leaks: nothing,
  labels({ property, action }, input) {
    const path = labelPathOf(property)
    if (!path) return input.anywhere
    // Text may have come out of it: what a field carried is anywhere in that.
    return action === 'obj' ? input : input.and(input.at(path).anywhere.under(path))
  },
  faults: ['body.malformed', 'schema.invalid', 'step.config'],
  config: {
    type: 'object',
    properties: {
      property: { type: 'string', default: 'payload' },
      action: { enum: ['', 'obj', 'str'], default: '' },
      pretty: { type: 'boolean', default: false, description: 'Indent the text by four spaces.' },
    },
  },
  migrate({ property, action, pretty, ...rest }) {
    return { ...rest, property: property || 'payload', action: action ?? '', pretty: pretty === true || pretty === 'true' }
  },
  check(config) {
    const problem = checkTypedValue(config.property, 'msg', 'property')
    return problem ? [problem] : []
  },
  compile({ property, action, pretty }, scope): Step<'out'> {
    const path = parseMessagePath(property)
    const isPayload = path.length === 1 && path[0] === 'payload'
    const remember = scope.remember?.()
    // A path that says by the message where it goes has more inputs than the value at its end.
    const paths = path.every((part) => typeof part !== 'object') ? [path.map(String)] : undefined
    const put = (message: Message, value: unknown) => setProperty(message, path, value) ?? message

    /** The same object gives the same text, however long it is, and the same text the same object. */
    function again<T>(message: Message, value: unknown, run: Run, make: () => T): T {
      if (!remember || !paths || (typeof value !== 'string' && typeof value !== 'object') || value instanceof Uint8Array) return make()
      return remember({ roots: message, paths }, run, make)
    }

    return function json(message, run) {
      // A list or object that nobody has parsed yet is what was asked for: it stays as it is.
      if (action === 'obj' && isPayload && !message.schema && isUnparsedStructure(message.payload)) return { out: message }
      const value = getProperty(message, path)
      if (value === undefined) return { out: message }
      const isText = typeof value === 'string' || value instanceof Uint8Array
      if (!isText && !['object', 'boolean', 'number'].includes(typeof value)) throw fault('step.config', { message: `The json node cannot convert a value of type ${typeof value}.` })

      const parsed = isText && (action !== 'str' || message.schema) ? again(message, value, run, () => parse(value)) : value
      const valid = message.schema ? withoutSchema(message, parsed) : message
      if (isText) return { out: action === 'str' ? valid : put(valid, parsed) }
      return { out: action === 'obj' ? valid : put(valid, again(message, value, run, () => write(value, pretty))) }
    }
  },
})

function isUnparsedStructure(payload: unknown): boolean {
  return payload instanceof Body && /^\s*[[{]/.test(payload.jsonText() ?? '')
}

function parse(text: string | Uint8Array): unknown {
  try {
    return typeof text === 'string' ? parseJson(text) : parseJson(Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8'), text)
  } catch (error) {
    throw fault('body.malformed', { type: 'JSON', reason: (error as Error).message }, error)
  }
}

function write(value: unknown, pretty: boolean): string {
  try {
    return JSON.stringify(value, null, pretty ? 4 : 0)
  } catch (error) {
    throw fault('step.config', { message: `The value cannot be written as JSON: ${(error as Error).message}.` }, error)
  }
}

/** The message without its schema, as Node-RED sends it on, when the value is valid. */
function withoutSchema(message: Message, value: unknown): Message {
  const errors = validate(message.schema, value)
  if (errors.length > 0) throw fault('schema.invalid', { errors, message: errors.map((error) => `${error.instancePath || 'the value'} ${error.message}`).slice(0, 5).join('; ') })
  const { schema: _, ...rest } = message
  return rest
}
