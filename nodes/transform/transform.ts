import { Body } from '../../runtime/core/http/body.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { labelsOfExpression } from '../../runtime/core/labels/of-value.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'

export interface TransformConfig {
  readonly expression: string
}

/** JSONata: payload in, payload out. */
export const transform = defineNode<TransformConfig, 'out'>({
  type: 'transform',
  category: 'transform',
  label: { en: 'transform', 'zh-TW': '轉換' },
  summary: { en: 'Makes a new payload from the payload with a JSONata expression.', 'zh-TW': '以 JSONata 運算式由 payload 產生新的 payload。' },
  icon: 'fa-magic',
  color: '#E6E0F8',
  outputs: ['out'],
  leaks: nothing,
  labels: ({ expression }, input) => input.put(['payload'], labelsOfExpression(expression, input.at(['payload']), { message: input })),
  pure: true,
  faults: ['expression.error', 'script.timeout', 'script.memory', 'script.quarantined', 'script.input_too_large', 'body.malformed'],
  config: {
    type: 'object',
    required: ['expression'],
    properties: {
      expression: {
        type: 'string',
        minLength: 1,
        default: '$',
        title: 'Expression',
        description: 'JSONata over the payload: `$` is the payload, `name` its field. `$message` is the whole message.',
        'x-form': { control: 'jsonata', 'zh-TW': { title: '運算式', description: '對 payload 求值的 JSONata：`$` 是 payload，`name` 是它的欄位；`$message` 是整則訊息。' } },
      },
    },
  },
  check(config) {
    const problem = checkTypedValue(config.expression, 'jsonata', 'expression')
    return problem ? [problem] : []
  },
  async compile(config, scope) {
    const evaluate = await scope.sandbox.jsonataOf(config.expression, {
      owner: scope.node.owner,
      id: scope.node.id,
      env: (name) => scope.env(name),
      contexts: scope.contexts,
    })
    const seesMessage = /\$message\b/.test(config.expression)
    // The request is much to copy: left out where the text names another field of the message right away.
    const seesRequest = /\$message\b(?!\s*\.\s*(?!req\b)[A-Za-z_])/.test(config.expression)
    return (message, run) => {
      const bindings = seesMessage ? { message: toPlain(message, seesRequest) } : undefined
      const value = evaluate(message.payload, run, bindings)
      return value instanceof Promise ? value.then((payload: unknown) => ({ out: { ...message, payload } })) : { out: { ...message, payload: value } }
    }
  },
})

/** The message as plain data: a body as its value, the request as its facts; the response handle is nothing to read. */
function toPlain(message: Readonly<Record<string, unknown>>, withRequest: boolean): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    if (name === 'res' || (name === 'req' && !withRequest)) continue
    plain[name] = value instanceof Body ? value.value() : name === 'req' ? toFacts(value) : value
  }
  return plain
}

/** A request as an entry made it says its facts itself. */
function toFacts(request: unknown): unknown {
  const { toJSON } = Object(request) as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(request) : request
}
