import { Body } from '../core/http/body.ts'
import type { Memo } from '../core/reuse.ts'
import type { Run } from '../core/run.ts'
import type { Sandbox } from '../core/sandbox.ts'
import { inputsOf } from './expression-inputs.ts'
import { inputsOfTemplate } from './template-inputs.ts'

export interface ReusedSandboxParts {
  readonly node: string
  createMemo(): Memo
  isOff(flow: string): boolean
}

/** An expression of names alone costs less than to remember what it gave. */
const onlyNames = /^[\w\s."'`-]*$/

/**
 * A sandbox whose JSONata is not evaluated again on what it was evaluated on before, and whose templates are not filled again, where
 * the text proves that nothing else has a part in the result. Functions go through as they are.
 */
export function createReusedSandbox(sandbox: Sandbox, parts: ReusedSandboxParts): Sandbox {
  const note = (run: Run) => () => run.trace?.note(parts.node, { reused: 'step' })

  return Object.assign(Object.create(sandbox) as Sandbox, {
    async jsonata(text, host) {
      const inputs = onlyNames.test(text) ? undefined : inputsOf(text)
      const evaluate = await sandbox.jsonata(text, host)
      if (inputs === undefined || inputs.whole || inputs.messagePaths.length > 0) return evaluate
      const { paths } = inputs
      // Of Node-RED's older form, which speaks of msg, the message is seen whole.
      if (paths.some(([name]) => name === 'msg')) return evaluate
      const memo = parts.createMemo()
      return (message, run) => (parts.isOff(run.flow) ? evaluate(message, run) : memo.of({ roots: message, paths }, () => evaluate(message, run), run.trace ? note(run) : undefined))
    },
    async jsonataOf(text, host) {
      const inputs = onlyNames.test(text) ? undefined : inputsOf(text)
      const evaluate = await sandbox.jsonataOf(text, host)
      if (inputs === undefined) return evaluate
      const messagePaths = inputs.messagePaths.map((path) => ['message', ...path])
      const wholePaths = [['input'], ...messagePaths]
      const somePaths = inputs.whole ? wholePaths : [...inputs.paths.map((path) => ['input', ...path]), ...messagePaths]
      const memo = parts.createMemo()
      return (input, run, bindings) => {
        if (parts.isOff(run.flow)) return evaluate(input, run, bindings)
        // What is not an object is taken as a whole: JSONata may see it by `$` alone.
        const paths = isPlain(input) ? somePaths : wholePaths
        return memo.of({ roots: { input, message: bindings?.message }, paths }, () => evaluate(input, run, bindings), run.trace ? note(run) : undefined)
      }
    },
    async template(text, host, escape) {
      const render = await sandbox.template(text, host, escape)
      const paths = inputsOfTemplate(text)
      if (paths === undefined) return render
      const memo = parts.createMemo()
      return (message, run) => (parts.isOff(run.flow) ? render(message, run) : memo.of({ roots: message, paths }, () => render(message, run), run.trace ? note(run) : undefined))
    },
  } satisfies Pick<Sandbox, 'jsonata' | 'jsonataOf' | 'template'>)
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Body) && !Array.isArray(value)
}

