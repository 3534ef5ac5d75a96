import type { ApartWork, Branches } from './branches.ts'
import type { Clients } from './access/clients.ts'
import type { Clock } from './time/clock.ts'
import type { Contexts } from './state/context.ts'
import type { CredentialFacts, CredentialUse } from './access/credential-use.ts'
import type { Claim } from './deployment.ts'
import type { Decisions } from './access/decision.ts'
import type { Entry } from './entry.ts'
import type { Fault } from './fault.ts'
import type { FaultCode } from './faults.ts'
import type { Problem } from './flow.ts'
import type { Holding } from './lines/holding.ts'
import type { Identities } from './access/identities.ts'
import type { Jobs } from './jobs/jobs.ts'
import type { LabelMap } from './labels/label-map.ts'
import type { LabelFacts, LabelsOut, Leak } from './labels/labels.ts'
import type { Ledger } from './state/ledger.ts'
import type { Lines } from './lines/lines.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { Remember } from './reuse.ts'
import type { Run } from './run.ts'
import type { RunningWork, WorkRun } from './work-run.ts'
import type { Schedules } from './jobs/schedules.ts'
import type { HideText } from './secrets/secret-forms.ts'
import type { NodeStatus, Sandbox } from './sandbox.ts'
import type { State } from './state/state.ts'
import type { Step } from './step.ts'
import type { Upstream } from './upstream/upstream.ts'
import type { Vault } from './secrets/vault.ts'
import type { VaultName } from './secrets/vault-name.ts'

/** JSON Schema (2020-12 vocabulary that Ajv 8 knows). `title`, `description`, `default`, `enum` and `x-form` make the editor's form. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** A text in the editor's languages. English is always there. */
export interface Text {
  readonly en: string
  readonly 'zh-TW': string
}

/** Where the palette shows a node. */
export type Category = 'entry' | 'reply' | 'protect' | 'callout' | 'transform' | 'route' | 'sequence' | 'script' | 'fault' | 'link' | 'debug'

/**
 * The one contract of a node: palette entry, edit form, validation, docs page and step come from this
 * value. `Config` is the node's own properties, checked against `config` and filled with its defaults
 * before anything else sees them.
 */
export interface NodeDefinition<Config = any, Port extends string = string> {
  /** As in flow JSON: `http in`, `service callout`. */
  readonly type: string
  readonly category: Category
  readonly label: Text
  readonly summary: Text
  /** Font Awesome 4 name (`fa-exchange`) or Node-RED icon file (`white-globe.svg`). */
  readonly icon?: string
  readonly color?: string
  /** Own properties only; Node-RED's common ones (`id type z name x y wires g d info env l`) are not listed. */
  readonly config: JsonSchema
  /**
   * Secret properties kept apart from the flow JSON, as Node-RED's `credentials`: `text` is shown to whoever may
   * read flows, `password` never. `hidden` is never shown either, in a form that treats it as text.
   */
  readonly credentials?: Readonly<Record<string, 'text' | 'password' | 'hidden'>>
  /** 0 for entries; default 1. */
  readonly inputs?: 0 | 1
  /** Port names in the order of `wires`. A function when they depend on the config. */
  readonly outputs: readonly Port[] | ((config: Config) => readonly Port[])
  /**
   * Node-RED core nodes reuse the stock edit form: path of its files below `@node-red/nodes/core`,
   * without extension (`network/21-httpin`). Absent: the form is made from `config`.
   */
  readonly stockForm?: string
  /** Properties that the stock form does not know and that are edited below it. */
  readonly stockFormFields?: readonly string[]
  /** Values, each with its label, that selects of the stock form lack, by property. */
  readonly stockFormChoices?: Readonly<Record<string, readonly (readonly [value: string, label: string])[]>>
  /** True for a config node (has no place on the canvas). */
  readonly configNode?: boolean
  /** Faults this node can raise, for its docs page. */
  readonly faults?: readonly FaultCode[]
  /** What help and docs page say besides `help.md`, made from the code itself; Markdown. */
  moreHelp?(language: keyof Text): string
  /** True if reaching this node may answer the caller. Compile proves that every HTTP entry can reach one. */
  readonly replies?: boolean
  /**
   * Ports behind which a branch begins: what reaches a node that `ends` there comes back to this one. `mustReturn`: without that
   * it cannot do its work. Pure.
   */
  opens?(config: Config): readonly { readonly port: Port; readonly mustReturn: boolean }[]
  /** True if what stands behind it goes on apart from the call: nothing there can answer the caller. */
  readonly apart?: boolean
  /** True if it takes messages back from a branch to the node that opened it. */
  readonly ends?: boolean
  /** Most bytes of a body that it holds in memory for one message; `gateway`: as the gateway's own limit says. Absent, or nothing: it holds none. */
  holdsBytes?(config: Config): number | 'gateway' | undefined
  /** True if it sends a message by some of its outputs and not by others, as its config says. */
  readonly chooses?: boolean
  /** True if it lets pass only callers it knows: a route with such a node in front is not public. */
  readonly protects?: boolean
  /** Where in a request it looks for who calls, for a node that knows callers. Pure data. */
  claims?(config: Config): readonly Claim[]
  /** Whether data gets a label here: only flows in which it does are followed. Pure. */
  startsLabels?(config: Config): boolean
  /**
   * What is known of the messages that leave it when this is known of the one that comes; of a `sub-flow`, `call` is what its flow is
   * given. Absent: whatever came may be anywhere in what leaves. Pure, and never less for more.
   */
  labels?(config: Config, input: LabelMap, facts: LabelFacts): LabelsOut
  /** What of a message leaves the flow by it: in an answer, a callout, a log, a store. Absent: all of it, as of a node that nobody knows. Pure. */
  leaks?(config: Config, input: LabelMap, facts: Pick<LabelFacts, 'returned'>): readonly Leak[]
  /** Domains and keys of the vault that it works with. Pure. */
  vaultNames?(config: Config): readonly VaultName[]
  /** Credentials of config nodes that it sends, and where to. Pure. */
  sends?(config: Config, facts: CredentialFacts): readonly CredentialUse[]
  /** True if it computes from its input alone, so that equal inputs give equal results. */
  readonly pure?: boolean
  /** Brings a config of an earlier version, or of stock Node-RED, to the current shape. Pure. */
  migrate?(config: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** What the schema cannot say: syntax of scripts and expressions, ranges that depend on each other. Pure, no I/O. */
  check?(config: Config, facts: CheckFacts): readonly NodeProblem[]
  /** How the outside reaches the flow by this node. */
  entry?(config: Config): Entry | readonly Entry[]
  /** Makes the step. Runs at deploy; whatever it throws refuses the deploy. Absent: the message passes through to the first port. */
  compile?(config: Config, scope: Scope): Step<Port> | Promise<Step<Port>>
}

/** A problem as a node reports it; the compiler adds node and flow. */
export type NodeProblem = Omit<Problem, 'node' | 'flow' | 'severity'> & { readonly severity?: Problem['severity'] }

/** What `check` may know of the rest of the estate. */
export interface CheckFacts {
  readonly node: { readonly id: string; readonly name?: string; readonly flow: string }
  /** Type of another node by id, wherever it lies. */
  typeOf(id: string): string | undefined
}

/** A config node as the nodes that refer to it see it. */
export interface ConfigNodeView {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
  readonly credentials: Readonly<Record<string, unknown>>
  /** Its properties before the environment of whoever uses it was put in. Absent: they hold none of it. */
  readonly drawn?: Readonly<Record<string, unknown>>
  /** Whose it is: that of the flow on which it lies. Absent: it is shared by all. */
  readonly organisation?: string
}

/** What a node may hold while its deployment lives. Everything given is taken back on retire. */
export interface Scope {
  readonly node: {
    readonly id: string
    readonly type: string
    readonly name?: string
    /** Content hash of the flow document. */
    readonly revision: string
    /** Tab id, and the path through subflow instances. */
    readonly flow: string
    readonly path: string
    /** Whose code this is; sandboxes are pooled per owner. */
    readonly owner: string
    /** Whose flow it lies on, as the tab says; absent: nobody's. */
    readonly organisation?: string
  }
  readonly log: Log
  readonly clock: Clock
  readonly sandbox: Sandbox
  readonly upstream: Upstream
  readonly contexts: Contexts
  /** Opens a memory for a pure computation of this node. Absent: nothing is remembered. */
  readonly remember?: () => Remember
  /** Who may call, as this gateway knows it now. */
  readonly clients: Clients
  /** What gateways count and remember together. */
  readonly state: State
  /** Lines that runs wait in for what is scarce. */
  readonly lines: Lines
  /** Marks on callouts of runs that hold slots. Absent: nobody marks. */
  readonly holding?: Holding
  /** Where a node that knows callers says how it is asked whose a request is before its flow begins. Absent: nobody asks. */
  readonly identities?: Identities
  /** Work that is accepted now and done later. */
  readonly jobs: Jobs
  /** What happens by the clock, once for all gateways. */
  readonly schedules: Schedules
  /** Why calls were refused; `refuseCall` writes there. */
  readonly decisions: Decisions
  /** Labels that messages which come to this node may carry, and where. Absent: none. */
  readonly labels?: LabelMap
  /** Takes the secrets that the flow refers to, or has in variables of type credential, out of a text. Absent: it has none. */
  readonly hideSecrets?: HideText
  /** Where records go that cannot be altered. Absent: this process hands none over; whoever needs it refuses the deploy. */
  readonly ledger?: Ledger
  /** What tokens stand for, and keys. Absent: this process has no vault; whoever needs one refuses the deploy. */
  readonly vault?: Vault | undefined
  /** The node's decrypted credentials. */
  readonly credentials: Readonly<Record<string, unknown>>
  /** Environment as Node-RED's chain gives it: group, tab, subflow instance, global, then the allow-listed process environment. */
  env(name: string): unknown
  /** A config node this node refers to, with its credentials. */
  configNode(id: string): ConfigNodeView | undefined
  /** Whether anything is wired to a port of this node. Absent: nothing is known, take it as not wired. */
  isWired?(port: string): boolean
  /**
   * The branches that this node may open, for the message that its step is given now. To be asked for before the step pauses.
   * Absent: nothing walks branches.
   */
  branches?(run: Run): Branches
  /**
   * Goes on behind a port of this node in a run of its own, on the deployment of `run`, which may have ended. The deployment
   * stays until that run has ended. Absent: nothing walks.
   */
  runApart?(run: Run, work: ApartWork): void
  /** Shows a status under the node in the editor and wakes Status nodes; in `run` when given, else in a run of its own. */
  status(status: NodeStatus, run?: Run, message?: Message): void
  /** Reports a fault to Catch nodes of the run without ending the step (`node.error(text, msg)`). */
  error(fault: Fault, message: Message, run: Run): void
  /** Sends from outside any run (timers, On Start): starts a new run behind this node's port. */
  emit(port: string, message: Message): void
  /**
   * Does something once the node is live: at once, or with the commit. Never when it retires before. `each`: with every commit that makes it live,
   * also with a rollback to it.
   */
  whenLive(begin: () => void, each?: boolean): void
  /** Takes a message on in a run of its own whose end is told. `undefined`: the node is not live. */
  runWork(work: WorkRun): RunningWork | undefined
  /** Whether a debug node publishes: as its config says unless someone used its button since. Absent: as the config says. */
  isDebugActive?(configured: boolean): boolean
  /** Publishes to the editor's debug sidebar. */
  debug(entry: DebugEntry): void
  /**
   * Opens a thing once for all nodes of this type, of all deployments, that ask for `key`; closed when the last has
   * retired. A key that begins with `*` is shared by nodes of all types.
   */
  share<T>(key: string, open: () => T, close: (thing: T) => void | Promise<void>): T
  /** Called once when the deployment retires. */
  onRetire(close: () => void | Promise<void>): void
}

/** A line of the debug sidebar, before Node-RED's encoding. */
export interface DebugEntry {
  readonly id: string
  readonly name?: string
  readonly topic?: unknown
  /** Property shown (`payload`), absent for the whole message. */
  readonly property?: string
  readonly msg: unknown
  readonly level?: 'error' | 'warn' | 'info'
  readonly run?: string
}

/** Declares a node. Checks nothing by itself: `nodes/index.ts` and its test hold the rules. */
export function defineNode<Config, Port extends string = string>(definition: NodeDefinition<Config, Port>): NodeDefinition<Config, Port> {
  return Object.freeze(definition)
}
