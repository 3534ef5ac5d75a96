import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { checkScript } from './check-script.ts'
import { labelsOfScript, leaksOfScript } from './labels.ts'

export interface FunctionConfig {
  readonly func: string
  readonly outputs: number
  /** Wall-clock limit in seconds; 0: the run's deadline alone. */
  readonly timeout: number
  readonly initialize: string
  readonly finalize: string
  readonly libs: readonly { readonly var?: string; readonly module?: string }[]
}

/** JavaScript of the user's, in the sandbox. */
export const functionNode = defineNode<FunctionConfig>({
  type: 'function',
  category: 'script',
  label: { en: 'function', 'zh-TW': '函式' },
  summary: { en: 'Runs JavaScript on each message, sandboxed, with time and memory limits.', 'zh-TW': '在沙箱中以 JavaScript 處理每則訊息，有時間與記憶體上限。' },
  icon: 'function.svg',
  stockForm: 'function/10-function',
  outputs: (config) => Array.from({ length: config.outputs }, (_, port) => String(port)),
  labels: ({ func }, input) => labelsOfScript(func, input),
  leaks: ({ func }, input) => leaksOfScript(func, input),
  faults: [
    'script.syntax', 'script.error', 'script.timeout', 'script.memory', 'script.quarantined', 'script.input_too_large', 'script.output', 'body.malformed',
  ],
  config: {
    type: 'object',
    properties: {
      func: { type: 'string', default: '\nreturn msg;', description: 'Code that runs for each message.' },
      outputs: { type: 'integer', minimum: 0, maximum: 500, default: 1, description: 'Number of outputs.' },
      timeout: { type: 'number', minimum: 0, maximum: 86_400, default: 0, description: 'Wall-clock limit in seconds; 0 for the deadline of the run.' },
      initialize: { type: 'string', default: '', description: 'Code that runs once when the flow starts.' },
      finalize: { type: 'string', default: '', description: 'Code that runs once when the flow stops.' },
      libs: { type: 'array', default: [], items: { type: 'object' }, description: 'Not available: modules cannot be loaded.' },
    },
  },
  migrate(config) {
    const migrated: Record<string, unknown> = { ...config }
    for (const name of ['outputs', 'timeout']) if (typeof migrated[name] === 'string') migrated[name] = Number(migrated[name]) || 0
    for (const name of ['initialize', 'finalize', 'func']) if (migrated[name] === null || migrated[name] === undefined) delete migrated[name]
    if (!Array.isArray(migrated['libs'])) delete migrated['libs']
    return migrated
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [checkScript(config.func, 'On Message')]
    if (config.initialize.trim()) problems.push(checkScript(config.initialize, 'On Start'))
    if (config.finalize.trim()) problems.push(checkScript(config.finalize, 'On Stop'))
    if (config.libs.length > 0) problems.push(noLibs(config.libs))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { id, name, type, flow, owner } = scope.node
    const script = await scope.sandbox.script(
      {
        id,
        owner,
        code: config.func,
        outputs: config.outputs,
        ...(name !== undefined && { name }),
        ...(config.initialize.trim() && { initialize: config.initialize }),
        ...(config.finalize.trim() && { finalize: config.finalize }),
        ...(config.timeout > 0 && { wallMs: config.timeout * 1000 }),
      },
      {
        node: { id, type, flow, outputs: config.outputs, ...(name !== undefined && { name }) },
        env: (variable) => scope.env(variable),
        contexts: scope.contexts,
        log: (level, text, run) => (run?.log ?? scope.log)[level]({ node: id, flow, ...(run && { run: run.id }) }, text),
        status: (status, run) => scope.status(status, run),
        error: (fault, message, run) => scope.error(fault, message, run),
        emit: (port, message) => scope.emit(String(port), message),
      },
    )
    scope.onRetire(() => script.close())
    return script.step
  },
})

function noLibs(libs: FunctionConfig['libs']): NodeProblem {
  const names = libs.map((lib) => lib.module ?? lib.var ?? '?').join(', ')
  return {
    code: 'script.libs',
    property: 'libs',
    message: `Modules cannot be loaded into a function: ${names}. The sandbox has no file system, no network and no packages.`,
    remedy: 'Remove the modules on the Setup tab; use Buffer, URL, RED.util, or a callout node.',
  }
}
