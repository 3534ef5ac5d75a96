import { resolve } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { FaultCode } from '../../runtime/core/faults.ts'
import { compileSchema, type CompiledSchema } from '../../runtime/core/json-schema/compile-schema.ts'
import { SchemaProblem } from '../../runtime/core/json-schema/schema-problem.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { labelsOfSchema, mayHoldLabels } from '../../runtime/core/labels/of-schema.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface SubFlowInConfig {
  readonly inputSchema?: unknown
  readonly outputSchema?: unknown
}

const example = '{ "type": "object", "required": ["station"], "properties": { "station": { "type": "string" } } }'

/** Where a flow begins that others call, with what it takes and what it gives back. */
export const subFlowIn = defineNode<SubFlowInConfig, 'out'>({
  type: 'sub-flow in',
  category: 'link',
  label: { en: 'sub-flow in', 'zh-TW': '子流程入口' },
  summary: { en: 'Begins a flow that others call with a sub-flow node, and declares what it takes and gives back.', 'zh-TW': '供 sub-flow 節點呼叫的流程之起點，並宣告其輸入與輸出。' },
  icon: 'fa-sign-in',
  inputs: 0,
  outputs: ['out'],
  leaks: nothing,
  startsLabels: ({ inputSchema }) => inputSchema !== null && mayHoldLabels(JSON.stringify(inputSchema ?? null)),
  labels: ({ inputSchema }, input, { node }) => input.and(labelsOfSchema(inputSchema, { flow: node.flow, node: node.id }).under(['payload'])),
  opens: () => [{ port: 'out', mustReturn: true }],
  faults: ['subflow.input', 'subflow.output', 'schema.work'],
  config: {
    type: 'object',
    properties: {
      inputSchema: { type: ['object', 'null'], default: null, title: 'Inputs', description: `JSON Schema of what the flow is called with, such as ${example}. Empty: anything.`, 'x-form': { control: 'json', 'zh-TW': { title: '輸入', description: `呼叫此流程的輸入之 JSON Schema，例如 ${example}。留空：不限。` } } },
      outputSchema: { type: ['object', 'null'], default: null, title: 'Outputs', description: 'JSON Schema of what reaches its end node. Empty: anything.', 'x-form': { control: 'json', 'zh-TW': { title: '輸出', description: '抵達 end 節點之內容的 JSON Schema。留空：不限。' } } },
    },
  },
  // The stock editor takes `inputs` and `outputs` for numbers of ports, and loses what else stands there.
  migrate({ inputs, outputs, ...config }) {
    return { ...config, ...(isSchema(inputs) ? { inputSchema: inputs } : {}), ...(isSchema(outputs) ? { outputSchema: outputs } : {}) }
  },
  check(config) {
    return ([['inputSchema', 'inputs'], ['outputSchema', 'outputs']] as const).flatMap(([property, what]): NodeProblem[] => {
      const problem = findSchemaProblem(config[property])
      return problem === undefined ? [] : [{ code: 'schema.invalid', property, message: `The schema of the ${what} does not compile: ${problem}`, remedy: 'Correct the JSON Schema (2020-12).' }]
    })
  },
  compile(config) {
    const inputs = isSchema(config.inputSchema) ? compileSchema(config.inputSchema) : undefined
    const outputs = isSchema(config.outputSchema) ? compileSchema(config.outputSchema) : undefined
    return function subFlowIn(message, run) {
      if (inputs) hold(inputs, message.payload, 'subflow.input')
      if (outputs) run.beforeBranchEnds?.((back) => hold(outputs, back.payload, 'subflow.output'))
      return { out: message }
    }
  },
})

function hold(schema: CompiledSchema, value: unknown, code: FaultCode): void {
  const [error] = schema.check(resolve(value), 1)
  if (error) throw fault(code, { at: error.pointer === '' ? 'the whole' : error.pointer, message: error.message })
}

function isSchema(schema: unknown): schema is object {
  return typeof schema === 'object' && schema !== null && Object.keys(schema).length > 0
}

function findSchemaProblem(schema: unknown): string | undefined {
  if (!isSchema(schema)) return undefined
  try {
    compileSchema(schema)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof SchemaProblem)) throw thrown
    return /[.!?]$/.test(thrown.message) ? thrown.message : `${thrown.message}.`
  }
}
