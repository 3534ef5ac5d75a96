import { fault } from '../../runtime/core/fault.ts'
import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parseMessagePath } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'

type InputType = 'str' | 'num' | 'msg' | 'jsonata' | 'json' | 'env'

export interface RespondConfig {
  readonly status: string
  readonly statusType: InputType
  readonly headers: readonly { readonly name: string; readonly value: string; readonly valueType: InputType }[]
  readonly body: string
  readonly bodyType: InputType
}

/** Something of the reply, ready to be read. */
interface Input {
  evaluate(message: Message, run: Run): unknown
}

/** Answers the caller with a status, headers and a body that are said here, and with nothing else. */
export const respond = defineNode<RespondConfig, never>({
  type: 'respond',
  category: 'reply',
  label: { en: 'respond', 'zh-TW': '回應' },
  summary: { en: 'Answers the caller with a status, headers and a body made by expressions.', 'zh-TW': '以運算式產生的狀態碼、標頭與本文回應呼叫端。' },
  icon: 'fa-reply',
  outputs: [],
  leaks: ({ body, bodyType, status, statusType, headers }, input) => [
    { to: 'answer', what: 'the body', property: 'body', labels: labelsOfValue(body, bodyType, input, { templates: true }) },
    { to: 'answer', what: 'the status', property: 'status', labels: labelsOfValue(status, statusType, input) },
    ...headers.map(({ name, value, valueType }) => ({ to: 'answer' as const, what: `the header ${name}`, property: 'headers', labels: labelsOfValue(value, valueType, input, { templates: true }) })),
  ],
  replies: true,
  faults: ['flow.already_replied', 'step.config', 'expression.error', 'template.error'],
  config: {
    type: 'object',
    properties: {
      status: { type: 'string', default: '200', title: 'Status', description: 'A number from 200 to 599, or an expression that gives one.' },
      statusType: { enum: ['num', 'msg', 'jsonata', 'env'], default: 'num' },
      headers: {
        type: 'array',
        default: [],
        title: 'Headers',
        description: 'Headers of the reply. Text may hold {{payload.x}}; a value that is missing leaves its header out, a list repeats it.',
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name' },
            value: { type: 'string', default: '', title: 'Value' },
            valueType: { enum: ['str', 'msg', 'jsonata', 'env'], default: 'str' },
          },
          required: ['name'],
        },
      },
      body: { type: 'string', default: 'payload', title: 'Body', description: 'A message property, a JSONata expression, JSON, or text that may hold {{payload.x}}.' },
      bodyType: { enum: ['msg', 'jsonata', 'json', 'str'], default: 'msg' },
    },
  },
  migrate(config) {
    return { ...config, ...(typeof config.status === 'number' ? { status: String(config.status) } : {}) }
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [
      config.statusType === 'num' && !isStatus(Number(config.status))
        ? { code: 'reply.status', property: 'status', message: `“${config.status}” is not a status from 200 to 599.`, remedy: 'Enter a number such as 200 or 404.' }
        : checkTypedValue(config.status, config.statusType, 'status'),
      checkTypedValue(config.body, config.bodyType, 'body'),
    ]
    for (const { name, value, valueType } of config.headers) {
      if (name.trim() === '') continue
      problems.push(checkTypedValue(value, valueType, 'headers'))
      if (!isHeaderName(name.trim())) problems.push({ code: 'header.name', property: 'headers', message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
    }
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope): Promise<Step<never>> {
    const status = await compileInput(config.status, config.statusType, scope)
    const body = await compileBody(config, scope)
    const headers = await Promise.all(
      config.headers.filter(({ name }) => name.trim() !== '').map(async ({ name, value, valueType }) => ({ name: name.trim(), input: await compileInput(value, valueType, scope) })),
    )
    const typed = config.bodyType !== 'str' || headers.some(({ name }) => name.toLowerCase() === 'content-type')
    const fixed = typed ? {} : { 'Content-Type': 'text/plain; charset=utf-8' }
    const collect = (values: readonly unknown[]): Record<string, unknown> => {
      const all: Record<string, unknown> = { ...fixed }
      values.forEach((value, i) => {
        if (value !== undefined && value !== null && value !== '') all[(headers[i] as { name: string }).name] = value
      })
      return all
    }
    const inputs = [status, body, ...headers.map(({ input }) => input)]
    const answer = ([statusCode, payload, ...values]: readonly unknown[], run: Run) => {
      run.reply({ payload, statusCode: toStatus(statusCode), headers: collect(values) })
      return undefined
    }
    return function respond(message, run) {
      const values: unknown[] = []
      try {
        for (const input of inputs) values.push(input.evaluate(message, run))
      } catch (error) {
        // What is still under way must not fail unheard.
        for (const value of values) if (value instanceof Promise) value.catch(() => {})
        throw error
      }
      if (!values.some((value) => value instanceof Promise)) return answer(values, run)
      return Promise.all(values).then((later) => answer(later, run))
    }
  },
})

/** The payload itself is passed on as it is: a body that nobody has parsed leaves unparsed. */
async function compileBody(config: RespondConfig, scope: Scope): Promise<Input> {
  if (config.bodyType === 'msg') {
    const path = parseMessagePath(config.body)
    if (path.length === 1 && path[0] === 'payload') return { evaluate: (message) => message.payload }
  }
  return compileInput(config.body, config.bodyType, scope)
}

/** As a typed value, but text may hold `{{ }}`. */
async function compileInput(value: string, type: string, scope: Scope): Promise<Input> {
  if (type !== 'str' || !value.includes('{{')) return compileTypedValue(value, type, scope)
  const host = { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
  const render = await scope.sandbox.template(value, host, 'none')
  return { evaluate: render }
}

function toStatus(value: unknown): number {
  const status = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (isStatus(status)) return status
  throw fault('step.config', { message: `The status of the reply must be a number from 200 to 599, but is ${value === undefined ? 'missing' : JSON.stringify(value)}.` })
}

function isStatus(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599
}
