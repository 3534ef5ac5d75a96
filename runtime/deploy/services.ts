import type { Clients } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Context, Contexts } from '../core/state/context.ts'
import type { Decisions } from '../core/access/decision.ts'
import type { GatewayCommand, GatewayEvent } from '../core/deployer.ts'
import type { RunRecorder } from '../core/deployment.ts'
import type { Holding } from '../core/lines/holding.ts'
import type { Identities } from '../core/access/identities.ts'
import type { Jobs } from '../core/jobs/jobs.ts'
import type { LineDesk } from '../core/lines/line-desk.ts'
import type { Ledger } from '../core/state/ledger.ts'
import type { Lines } from '../core/lines/lines.ts'
import type { Log } from '../core/log.ts'
import type { Reuse } from '../core/reuse.ts'
import type { Sandbox } from '../core/sandbox.ts'
import type { Schedules } from '../core/jobs/schedules.ts'
import type { State } from '../core/state/state.ts'
import type { Tracing } from '../core/trace.ts'
import type { Upstream } from '../core/upstream/upstream.ts'
import type { Secrets, Vault } from '../core/secrets/vault.ts'

/** What flows live on, given by whoever composes the gateway. */
export interface Services {
  readonly clock: Clock
  readonly log: Log
  readonly sandbox: Sandbox
  readonly upstream: Upstream
  /** What is not done twice; absent: everything is. */
  readonly reuse?: Reuse
  readonly clients: Clients
  readonly state: State
  readonly lines: Lines
  /** The same, for operators. */
  readonly desk?: LineDesk
  /** Work that is accepted now and done later. */
  readonly jobs: Jobs
  readonly schedules: Schedules
  /** Marks on callouts of runs that hold slots. */
  readonly holding?: Holding
  /** Who proved to be whom; absent where nobody asks before the flow. */
  readonly identities?: Identities
  /** Opens the vault when the first node needs it. Absent: this gateway knows of none. */
  readonly vault?: (() => Vault) | undefined
  /** Where records go that cannot be altered. Absent: nowhere. */
  readonly ledger?: Ledger | undefined
  /** Why calls were refused. */
  readonly decisions: Decisions
  /** The environment that flows may read: allow-listed, empty unless set. */
  readonly env: Readonly<Record<string, string>>
  readonly recorder: RunRecorder
  /** Values of secrets that flows refer to. Absent: this process has no vault; a flow that refers to one is refused. */
  readonly secrets?: Secrets
  /** Which runs are written down; absent: none. */
  readonly tracing?: Tracing | undefined
  /** Answers what the editor asks about them; `undefined`: the command is not one of these. */
  readonly traceDesk?: ((command: GatewayCommand) => Promise<unknown> | undefined) | undefined
  /** `organisation`: whose flow it is. */
  contextsOf(flow: string, node: string, organisation?: string): Contexts
  createRunContext(): Context
  /** Tells the editor; must not block. */
  publish(event: GatewayEvent): void
}
