import type { Contexts } from './state/context.ts'
import type { Fault } from './fault.ts'
import type { Message } from './message.ts'
import type { Run } from './run.ts'
import type { Step } from './step.ts'

/** What a function node is made of (Node-RED's `function` node). */
export interface ScriptSource {
  /** Stable id of the node: limits and quarantine are counted against it and the source's hash. */
  readonly id: string
  readonly name?: string
  /** Code isolated from other owners' code lives in an isolate of its own pool. */
  readonly owner: string
  readonly code: string
  /** On Start code; runs once per deployment, before the first message. */
  readonly initialize?: string
  /** On Stop code; runs when the deployment retires. */
  readonly finalize?: string
  readonly outputs: number
  /** CPU limit off the serving thread, ms (default 100). */
  readonly timeoutMs?: number
  /** Wall-clock limit of an async function, ms (default: the run's deadline). */
  readonly wallMs?: number
  /** Largest message taken, bytes (default 1 MB). */
  readonly inputLimitBytes?: number
}

/** What a script may do to the outside, given by the node's scope. Everything else is out of its reach. */
export interface ScriptHost {
  readonly node: { readonly id: string; readonly name?: string; readonly type: string; readonly flow: string; readonly outputs: number }
  env(name: string): unknown
  readonly contexts: Contexts
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string, run?: Run): void
  status(status: NodeStatus, run?: Run): void
  /** `node.error(text, msg)`: goes to Catch nodes of the same run without stopping the script. */
  error(fault: Fault, message: Message, run: Run): void
  /** Messages sent outside any run (from On Start code or its timers). */
  emit(port: number, message: Message): void
}

export interface NodeStatus {
  readonly fill?: 'red' | 'green' | 'yellow' | 'blue' | 'grey' | undefined
  readonly shape?: 'ring' | 'dot' | undefined
  readonly text?: string | undefined
}

/** A compiled expression or template: pure computation on a message, inside the guest, with the script limits. */
export type Evaluate<T> = (message: Message, run: Run) => Promise<T> | T

export interface ExpressionHost {
  readonly owner: string
  readonly id: string
  env(name: string): unknown
  readonly contexts: Contexts
}

/**
 * The only door to guest code. Everything a user can type that computes goes through it; implementations
 * run it in an isolate with CPU, heap and wall-clock limits. Compile errors are faults with line numbers.
 */
export interface Sandbox {
  /**
   * Compiles a function node. Ports of the step are named `'0'`, `'1'`, … by output index.
   * @throws Fault `script.syntax`
   */
  script(source: ScriptSource, host: ScriptHost): Promise<{ step: Step; close(): Promise<void> | void }>
  /** JSONata over the message (`payload.x`), Node-RED's `$flowContext $globalContext $env $clone $moment`-free subset. */
  jsonata(text: string, host: ExpressionHost): Promise<Evaluate<unknown>>
  /** JSONata over any value: `input` is what `$` is. */
  jsonataOf(text: string, host: ExpressionHost): Promise<(input: unknown, run: Run, bindings?: Record<string, unknown>) => Promise<unknown> | unknown>
  /** Mustache over the message, as Node-RED's template node (`env.X`, `flow.x`, `global.x`); `escape` says how `{{}}` escapes. */
  template(text: string, host: ExpressionHost, escape: 'html' | 'json' | 'url' | 'none'): Promise<Evaluate<string>>
}
