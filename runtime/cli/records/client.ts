import type {
  ApiRegistration, ApiRegistrations, RegistrationResult, ApiGroup, ApiGroupInput, ApiProduct, ApiProductInput, ApplyResult, AuditRecord, AuditVerdict, ClientApplication, ClientApplicationInput, ClientPlan, ClientPlanInput, ClientSubscription,
  Credential, CredentialInput, IssuedCredential, KnownDecision, Lifecycle, ManagedApi, ManagedApiInput, Member, MemberInput, Organisation, OrganisationInput, Page, PageQuery, RecordHead, SubscriptionInput,
  AcceptedFlow, AcceptedJob, CachePurge, CachePurged, FlowCache, JobAct, JobFlowAct, Connector, ConnectorInput, ConnectorStatus, FetchResult, LineAct, Queue,
} from '../../../control/contract.ts'
import type { Problem } from '../../core/flow.ts'
import { callControl, type Answer, type Target } from '../control-client.ts'
import { CommandFailed } from '../outcome.ts'

/** The kinds of records of the admin API: what is answered, and what is sent to make one. */
export interface Kinds {
  organisations: { record: Organisation; input: OrganisationInput }
  members: { record: Member; input: MemberInput }
  applications: { record: ClientApplication; input: ClientApplicationInput }
  plans: { record: ClientPlan; input: ClientPlanInput }
  apis: { record: ManagedApi; input: ManagedApiInput }
  groups: { record: ApiGroup; input: ApiGroupInput }
  products: { record: ApiProduct; input: ApiProductInput }
  connectors: { record: Connector; input: ConnectorInput }
  subscriptions: { record: ClientSubscription; input: SubscriptionInput }
  credentials: { record: Credential; input: CredentialInput }
}
export type KindName = keyof Kinds
/** Kinds whose records are changed field by field. */
export type PatchedKind = Exclude<KindName, 'subscriptions' | 'credentials'>

/** Records by the admin API under `/api/v1`. Every method throws CommandFailed with what control said, place by place. */
export interface RecordsClient {
  list<Kind extends KindName>(kind: Kind, query?: PageQuery): Promise<Page<Kinds[Kind]['record']>>
  /** All that fit, page by page. */
  all<Kind extends KindName>(kind: Kind, query?: PageQuery): AsyncIterable<Kinds[Kind]['record']>
  get<Kind extends KindName>(kind: Kind, id: string): Promise<Kinds[Kind]['record']>
  create<Kind extends Exclude<KindName, 'credentials'>>(kind: Kind, input: Kinds[Kind]['input'] & { readonly id?: string }): Promise<Kinds[Kind]['record']>
  /** JSON merge patch. `version`: the change is refused when somebody was faster. */
  patch<Kind extends PatchedKind>(kind: Kind, id: string, patch: Partial<Kinds[Kind]['input']>, version: number): Promise<Kinds[Kind]['record']>
  retire<Kind extends KindName>(kind: Kind, record: RecordHead): Promise<Kinds[Kind]['record']>
  move(api: ManagedApi, to: Lifecycle): Promise<ManagedApi>
  decideMove(api: ManagedApi, agree: boolean): Promise<ManagedApi>
  decide(subscription: ClientSubscription, act: 'approve' | 'refuse' | 'suspend' | 'resume', reason?: string): Promise<ClientSubscription>
  issue(input: CredentialInput): Promise<IssuedCredential>
  rotate(credential: Credential, oldEndsInMs?: number): Promise<IssuedCredential>
  confirm(credential: Credential, takeOver: boolean): Promise<Credential>
  /** URLs and OpenAPI documents become APIs. */
  register(input: ApiRegistration | ApiRegistrations, dryRun: boolean): Promise<RegistrationResult>
  connectorStatus(id: string): Promise<ConnectorStatus>
  setConnectorSecret(id: string, secret: string | null, version: number): Promise<Connector>
  fetchConnector(id: string, options: { readonly dryRun?: boolean; readonly force?: boolean }): Promise<FetchResult>
  exportYaml(): Promise<string>
  applyYaml(yaml: string, options: { readonly dryRun?: boolean; readonly prune?: boolean }): Promise<ApplyResult>
  audit(query: { readonly limit?: number; readonly subject?: string; readonly user?: string; readonly action?: string; readonly cursor?: string }): Promise<Page<AuditRecord>>
  verifyAudit(): Promise<AuditVerdict>
  /** Why a call was refused. */
  why(id: string): Promise<KnownDecision>
  jobs(query: { readonly state?: string | undefined; readonly flow?: string | undefined; readonly limit: number }): Promise<readonly AcceptedJob[]>
  job(id: string): Promise<AcceptedJob>
  actOnJob(id: string, act: JobAct): Promise<AcceptedJob>
  moveJob(id: string, to: number): Promise<AcceptedJob>
  jobFlows(): Promise<readonly AcceptedFlow[]>
  actOnJobFlow(flow: string, act: JobFlowAct): Promise<AcceptedFlow>
  caches(): Promise<readonly FlowCache[]>
  purgeCaches(what: CachePurge): Promise<CachePurged>
  queues(): Promise<readonly Queue[]>
  queue(name: string): Promise<Queue>
  actOnQueue(name: string, act: LineAct): Promise<Queue>
}

/** The API of records over HTTP. */
export function createRecordsClient(target: Target): RecordsClient {
  const at = (...parts: readonly string[]) => `/api/v1/${parts.map(encodeURIComponent).join('/')}`
  const ifMatch = ({ version }: { readonly version: number }) => ({ 'if-match': `"${version}"` })

  async function call<Result>(what: string, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Result> {
    const answer = await callControl(target, method, path, body, headers)
    if (answer.status >= 300) throw toFailure(what, answer)
    return answer.body as Result
  }

  const client: RecordsClient = {
    list: (kind, query = {}) => call(`The ${kind} could not be read`, 'GET', at(kind) + toQuery(query)),
    async *all(kind, query = {}) {
      let cursor: string | undefined
      do {
        const page = await client.list(kind, { limit: 200, ...query, ...(cursor === undefined ? {} : { cursor }) })
        yield* page.items
        cursor = page.next
      } while (cursor !== undefined)
    },
    get: (kind, id) => call(`“${id}” could not be read`, 'GET', at(kind, id)),
    create: (kind, input) => call('Not added', 'POST', at(kind), input),
    patch: (kind, id, patch, version) => call(`“${id}” was not changed`, 'PATCH', at(kind, id), patch, { ...ifMatch({ version }), 'content-type': 'application/merge-patch+json' }),
    retire: (kind, record) => call(`“${record.id}” was not retired`, 'DELETE', at(kind, record.id), undefined, ifMatch(record)),
    move: (api, to) => call(`“${api.id}” was not moved`, 'POST', at('apis', api.id, 'move'), { to }, ifMatch(api)),
    decideMove: (api, agree) => call(`“${api.id}” was not moved`, 'POST', at('apis', api.id, 'decide'), { agree }, ifMatch(api)),
    decide: (subscription, act, reason) => call('Nothing was decided', 'POST', at('subscriptions', subscription.id, 'decide'), { act, ...(reason === undefined ? {} : { reason }) }, ifMatch(subscription)),
    issue: (input) => call('No credential was issued', 'POST', at('credentials'), input),
    rotate: (credential, oldEndsInMs) => call('Not rotated', 'POST', at('credentials', credential.id, 'rotate'), oldEndsInMs === undefined ? {} : { oldEndsInMs }, ifMatch(credential)),
    confirm: (credential, takeOver) => call('Not confirmed', 'POST', at('credentials', credential.id, 'confirm'), takeOver ? { takeOver } : {}, ifMatch(credential)),
    register: (input, dryRun) => call('Nothing was registered', 'POST', at('apis', 'apis' in input ? 'register-bulk' : 'register') + toQuery({ dryRun }), input),
    connectorStatus: (id) => call(`“${id}” could not be read`, 'GET', at('connectors', id, 'status')),
    setConnectorSecret: (id, secret, version) => call('The secret was not set', 'PUT', at('connectors', id, 'secret'), { secret }, ifMatch({ version })),
    fetchConnector: (id, options) => call('Nothing was changed', 'POST', at('connectors', id, 'fetch') + toQuery(options)),
    async exportYaml() {
      const answer = await callControl(target, 'GET', at('records'), undefined, { accept: 'application/yaml' }, 'text')
      if (answer.status >= 300) throw toFailure('The records could not be exported', answer)
      return String(answer.body)
    },
    async applyYaml(yaml, { dryRun, prune }) {
      const query = toQuery({ ...(dryRun ? { dryRun: true } : {}), ...(prune ? { prune: true } : {}) })
      const answer = await callControl(target, 'POST', at('records') + query, yaml, { 'content-type': 'application/yaml' })
      if (answer.status >= 300) throw toFailure('Nothing was applied', answer)
      return answer.body as ApplyResult
    },
    audit: (query) => call('The audit log could not be read', 'GET', at('audit') + toQuery(query)),
    why: (id) => call(`“${id}” cannot be explained`, 'GET', at('decisions', id)),
    jobs: async (query) => (await call<Page<AcceptedJob>>('The jobs could not be read', 'GET', at('jobs') + toQuery(query))).items,
    job: (id) => call(`“${id}” could not be read`, 'GET', at('jobs', id)),
    actOnJob: (id, act) => call('Nothing was changed', 'POST', at('jobs', id, act)),
    moveJob: (id, to) => call('Nothing was changed', 'POST', at('jobs', id, 'move'), { to }),
    jobFlows: async () => (await call<Page<AcceptedFlow>>('The flows could not be read', 'GET', at('job-flows'))).items,
    actOnJobFlow: (flow, act) => call('Nothing was changed', 'POST', at('job-flows', flow, act)),
    caches: async () => (await call<Page<FlowCache>>('The caches could not be read', 'GET', at('caches'))).items,
    purgeCaches: (what) => call('Nothing was purged', 'POST', at('caches', 'purge'), what),
    queues: async () => (await call<Page<Queue>>('The queues could not be read', 'GET', at('queues'))).items,
    queue: (name) => call(`“${name}” could not be read`, 'GET', at('queues', name)),
    actOnQueue: (name, { act, ...body }) => call('Nothing was changed', 'POST', at('queues', name, act), act === 'move' ? body : undefined),
    verifyAudit: () => call('The audit log could not be verified', 'GET', at('audit', 'verify')),
  }
  return client
}

/** Values that say something, as a query. */
export function toQuery(values: object): string {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== false).map(([name, value]): [string, string] => [name, String(value)]))
  return query.size > 0 ? `?${query}` : ''
}

/** What control refused, place by place. */
export function toFailure(what: string, { status, body }: Answer): CommandFailed {
  const problems = (body?.problems ?? []) as readonly Problem[]
  const reason = body?.detail ?? body?.message ?? body?.title ?? `status ${status}`
  const stale = status === 412 ? ' Somebody was faster: look at it again, then repeat.' : ''
  const lines = problems.map(({ pointer, message, remedy }) => `✗ ${pointer ? `${pointer}: ` : ''}${message} ${remedy}`)
  return new CommandFailed([`${what}: ${reason}${stale}`, ...lines].join('\n'), { status, ...(body?.code ? { code: body.code } : {}), problems })
}
