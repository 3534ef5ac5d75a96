import { Option, type Command } from 'commander'
import type { Target } from '../control-client.ts'
import type { Output } from '../outcome.ts'
import { createRecordsClient, type RecordsClient } from './client.ts'

/** How the command line runs an action and finds the control to talk to. */
export interface CommandFrame {
  run(action: (output: Output, ...rest: any[]) => Promise<number | void>): (...received: any[]) => Promise<void>
  /** Adds `--url` and `--token`. */
  remote(command: Command): Command
  targetOf(options: { readonly url?: string; readonly token?: string }): Target
}

/** Commands on the records of consumers, by the admin API of a running control. */
export function addRecordCommands(program: Command, { run, remote, targetOf }: CommandFrame): void {
  const leaf = (parent: Command, name: string, description: string) => remote(parent.command(name).description(description).option('--json', 'print JSON for programs'))
  const search = (command: Command, states?: string) => {
    command.option('--search <text>', 'part of id or name').option('--organisation <id>', 'of this organisation only').option('--retired', 'also what was retired')
    return states === undefined ? command : command.option('--state <state>', states)
  }
  const client = (options: any): RecordsClient => createRecordsClient(targetOf(options))

  const withOauth = (command: Command) =>
    command.option('--oauth-grant <grant...>', 'ways to a token: client_credentials, authorization_code, refresh_token, device_code').option('--redirect-uri <uri...>', 'where people come back to')
      .option('--scope <scope...>', 'what its tokens may be good for').option('--resource <uri...>', 'audiences of its tokens').option('--public', 'it can keep no secret').option('--legacy-password', 'also the password grant')

  const consumers = program.command('consumers').description('applications: who may call')
  search(leaf(consumers, 'list', 'list applications'), 'active or suspended')
    .action(run(async (output, options) => (await import('./consumers.ts')).runConsumersList(client(options), options, output)))
  const add = leaf(consumers, 'add', 'register an application').argument('<name>', 'what people read').requiredOption('--organisation <id>', 'whose it is').option('--id <id>', 'made from the name when absent')
    .option('--owner <user>', 'who answers for it; you when absent').option('--description <text>', 'for people').option('--cidr <network...>', 'networks that may call')
    .option('--valid-from <time>', 'RFC 3339').option('--valid-until <time>', 'RFC 3339').option('--pin <family=version...>', 'version that its calls get when they ask for none, such as orders=v1')
  withOauth(add)
    .action(run(async (output, name, options) => (await import('./consumers.ts')).runConsumersAdd(client(options), name, options, output)))
  leaf(consumers, 'show', 'an application with its credentials and subscriptions').argument('<id>')
    .action(run(async (output, id, options) => (await import('./consumers.ts')).runConsumersShow(client(options), id, output)))
  withOauth(leaf(consumers, 'change', 'hold an application to versions of APIs or let it go; say how it gets tokens').argument('<id>').option('--pin <family=version...>', 'such as orders=v1').option('--unpin <family...>', 'such as orders'))
    .option('--no-oauth', 'no tokens any more')
    .action(run(async (output, id, options) => (await import('./consumers.ts')).runConsumersChange(client(options), id, options, output)))
  for (const [name, active, description] of [['disable', false, 'suspend an application: its calls are refused'], ['enable', true, 'let a suspended application call again']] as const) {
    leaf(consumers, name, description).argument('<id>')
      .action(run(async (output, id, options) => (await import('./consumers.ts')).runConsumersSwitch(client(options), id, active, output)))
  }

  const keys = program.command('keys').description('credentials of applications')
  leaf(keys, 'list', 'credentials of an application, without secrets').argument('<application>').option('--retired', 'also what was revoked')
    .action(run(async (output, application, options) => (await import('./keys.ts')).runKeysList(client(options), application, options, output)))
  leaf(keys, 'issue', 'make a key and print it, this once').argument('<application>')
    .addOption(new Option('--kind <kind>', 'what it is').choices(['key', 'basic', 'hmac', 'public-key', 'jwt', 'certificate']).default('key'))
    .addOption(new Option('--environment <environment>', 'what it calls').choices(['production', 'sandbox']).default('production'))
    .option('--label <text>', 'for people').option('--expires <time>', 'RFC 3339').option('--name <name>', 'of Basic, HMAC and public key; generated when absent')
    .option('--public-key <file>', 'PEM or JWK; - for stdin').option('--issuer <url>', 'of kind jwt').option('--subject <text>', 'of kind jwt').option('--fingerprint <sha256>', 'of kind certificate').option('--san <name>', 'of kind certificate, such as DNS:client.example')
    .action(run(async (output, application, options) => (await import('./keys.ts')).runKeysIssue(client(options), application, options, output)))
  leaf(keys, 'rotate', 'make a successor of a key and print it, this once').argument('<key>', 'id, or the public part before the dot').option('--old-ends-in <duration>', 'such as 24h; the old one stays until revoked when absent')
    .action(run(async (output, key, options) => (await import('./keys.ts')).runKeysRotate(client(options), key, options, output)))
  leaf(keys, 'confirm', 'say that a claimed token subject or certificate is the application’s').argument('<id>').option('--take-over', 'revokes the credential that stands for it so far')
    .action(run(async (output, id, options) => (await import('./keys.ts')).runKeysConfirm(client(options), id, options, output)))
  leaf(keys, 'revoke', 'take a key away for good').argument('<key>', 'id, or the public part before the dot')
    .action(run(async (output, key, options) => (await import('./keys.ts')).runKeysRevoke(client(options), key, output)))

  const plans = program.command('plans').description('plans: how much may be called')
  const limits = (command: Command) => command.option('--quota <quota...>', 'such as 1000/day, 5000/month:calendar:Asia/Taipei, or 10000/total for so many in all').option('--rate <per-second>', 'calls per second').option('--burst <calls>', 'how many may come at once')
    .option('--concurrency <calls>', 'at the same time').option('--priority <0-9>', '0 goes first').option('--auto-approve', 'subscriptions need no approval').option('--no-auto-approve', 'subscriptions need approval').option('--description <text>', 'for people')
  search(leaf(plans, 'list', 'list plans')).action(run(async (output, options) => (await import('./plans.ts')).runPlansList(client(options), options, output)))
  leaf(plans, 'show', 'one plan').argument('<id>').action(run(async (output, id, options) => (await import('./plans.ts')).runPlansShow(client(options), id, output)))
  limits(leaf(plans, 'add', 'make a plan')).argument('<name>', 'what people read').option('--id <id>', 'made from the name when absent').option('--organisation <id>', 'for its applications only')
    .action(run(async (output, name, options) => (await import('./plans.ts')).runPlansAdd(client(options), name, options, output)))
  limits(leaf(plans, 'change', 'change limits; what is not said stays')).argument('<id>')
    .action(run(async (output, id, options) => (await import('./plans.ts')).runPlansChange(client(options), id, options, output)))
  leaf(plans, 'retire', 'take a plan out of use').argument('<id>').action(run(async (output, id, options) => (await import('./plans.ts')).runPlansRetire(client(options), id, output)))

  const connectors = program.command('connectors').description('records of partners that live in their own service')
  search(leaf(connectors, 'list', 'connectors, and how they are'), 'active or suspended').action(run(async (output, options) => (await import('./connectors.ts')).runConnectorsList(client(options), options, output)))
  leaf(connectors, 'show', 'one connector, and what is wrong with it').argument('<id>').action(run(async (output, id, options) => (await import('./connectors.ts')).runConnectorsShow(client(options), id, output)))
  leaf(connectors, 'add', 'make a connector of a JSON file').argument('<file>', 'settings as the admin API takes them; - for stdin').action(run(async (output, file, options) => (await import('./connectors.ts')).runConnectorsAdd(client(options), file, output)))
  leaf(connectors, 'secret', 'set what control signs in with there, from stdin').argument('<id>').option('--remove', 'take it away').action(run(async (output, id, options) => (await import('./connectors.ts')).runConnectorsSecret(client(options), id, options, output)))
  leaf(connectors, 'fetch', 'fetch now').argument('<id>').option('--dry-run', 'only say what would be different').option('--force', 'also when more would be shut out than may be at once')
    .action(run(async (output, id, options) => (await import('./connectors.ts')).runConnectorsFetch(client(options), id, options, output)))
  for (const [name, active, description] of [['on', true, 'fetch again'], ['off', false, 'fetch no more; what was fetched stays in force']] as const) {
    leaf(connectors, name, description).argument('<id>').action(run(async (output, id, options) => (await import('./connectors.ts')).runConnectorsSwitch(client(options), id, active, output)))
  }
  leaf(connectors, 'retire', 'take a connector out of use; what it fetched stays').argument('<id>').action(run(async (output, id, options) => (await import('./connectors.ts')).runConnectorsRetire(client(options), id, output)))

  const apis = program.command('apis').description('APIs: what can be subscribed to')
  search(leaf(apis, 'list', 'list APIs'), 'CREATED, PROTOTYPED, PUBLISHED, BLOCKED, DEPRECATED or RETIRED')
    .action(run(async (output, options) => (await import('./apis.ts')).runApisList(client(options), options, output)))
  leaf(apis, 'show', 'one API').argument('<id>').action(run(async (output, id, options) => (await import('./apis.ts')).runApisShow(client(options), id, output)))
  leaf(apis, 'add', 'make a flow an API').argument('<name>', 'what people read').requiredOption('--organisation <id>', 'whose it is').requiredOption('--flow <id>', 'tab that serves it').option('--id <id>', 'made from the name when absent')
    .option('--owner <user>', 'who answers for it').option('--api-version <version>', 'such as v2').option('--family <id>', 'what its versions have in common').option('--sunset <time>', 'RFC 3339: 410 from then on').addOption(new Option('--visibility <who>', 'who sees it').choices(['public', 'organisation', 'roles'])).option('--role <role...>', 'with these roles, for --visibility roles').option('--tag <tag...>').option('--description <text>', 'for people')
    .action(run(async (output, name, { url, token, json: _json, ...options }) => (await import('./apis.ts')).runApisAdd(client({ url, token }), name, options, output)))
  leaf(apis, 'change', 'change version, family, end or visibility of an API; what is not said stays').argument('<id>').option('--api-version <version>', 'such as v2').option('--family <id>', 'what its versions have in common').option('--sunset <time>', 'RFC 3339: 410 from then on').option('--no-sunset', 'it ends no more').addOption(new Option('--visibility <who>', 'who sees it; `public` also opens routes without an auth node').choices(['public', 'organisation', 'roles'])).option('--role <role...>', 'with these roles, for --visibility roles')
    .action(run(async (output, id, options) => (await import('./apis.ts')).runApisChange(client(options), id, options, output)))
  leaf(apis, 'move', 'move an API along its lifecycle').argument('<id>').argument('<state>', 'PROTOTYPED, PUBLISHED, BLOCKED, DEPRECATED or RETIRED')
    .action(run(async (output, id, state, options) => (await import('./apis.ts')).runApisMove(client(options), id, state, output)))
  for (const [name, agree, description] of [['agree', true, 'agree to a move that somebody asked for'], ['turn-down', false, 'turn a move down that somebody asked for']] as const) {
    leaf(apis, name, description).argument('<id>').action(run(async (output, id, options) => (await import('./apis.ts')).runApisDecide(client(options), id, agree, output)))
  }

  leaf(apis, 'register', 'make a flow and an API of a URL or of an OpenAPI document').argument('<source>', 'address of the service, or a file with an OpenAPI document; `-` for stdin')
    .requiredOption('--id <id>', 'of the API; the same id again changes it').requiredOption('--organisation <id>', 'whose it is').option('--name <name>', 'what people read').option('--path <path>', 'where callers find it, such as /orders/:id; with a document what stands before its paths')
    .option('--method <method...>', 'GET, POST …').option('--upstream <url>', 'called instead of the servers of the document').option('--group <id>', 'group that it becomes part of').option('--create-group', 'make the group when it is not there').option('--api-version <version>', 'such as v2').option('--family <id>', 'what its versions have in common')
    .option('--no-auth', 'callers need no key').option('--no-validate', 'requests are not held to the document').option('--mock', 'answer the examples of the document; no service is asked').addOption(new Option('--visibility <who>', 'who sees it').choices(['public', 'organisation'])).option('--publish', 'open it to subscribers').option('--prototype', 'open it without subscriptions').option('--replace', 'overwrite what people changed by hand in the flow').option('--dry-run', 'only say what would be done')
    .action(run(async (output, source, options) => (await import('./register.ts')).runApisRegister(client(options), source, options, output)))
  leaf(apis, 'register-bulk', 'the same for all APIs of a file, in one deploy: all or nothing').argument('<file>', 'YAML or JSON with a list `apis:`; `-` for stdin').option('--dry-run', 'only say what would be done')
    .action(run(async (output, file, options) => (await import('./register.ts')).runApisRegisterBulk(client(options), file, options, output)))
  for (const [name, to, description] of [['start', 'PUBLISHED', 'serve an API to its subscribers (PUBLISHED)'], ['stop', 'BLOCKED', 'answer 503 to every call of an API (BLOCKED)']] as const) {
    leaf(apis, name, description).argument('<id>').action(run(async (output, id, options) => (await import('./register.ts')).runApisSwitch(client(options), id, to, output)))
  }

  const members = program.command('members').description('who has which role in an organisation')
  const role = () => new Option('--role <role>', 'what they may do there').choices(['admin', 'creator', 'publisher', 'operator', 'auditor', 'subscriber', 'viewer']).makeOptionMandatory()
  search(leaf(members, 'list', 'list members')).action(run(async (output, options) => (await import('./members.ts')).runMembersList(client(options), options, output)))
  leaf(members, 'add', 'give a user a role in an organisation').argument('<user>').requiredOption('--organisation <id>').addOption(role())
    .action(run(async (output, user, options) => (await import('./members.ts')).runMembersAdd(client(options), user, options, output)))
  leaf(members, 'set', 'give a member another role').argument('<user>').requiredOption('--organisation <id>').addOption(role())
    .action(run(async (output, user, options) => (await import('./members.ts')).runMembersSet(client(options), user, options, output)))
  leaf(members, 'remove', 'take the role away').argument('<user>').requiredOption('--organisation <id>')
    .action(run(async (output, user, options) => (await import('./members.ts')).runMembersRemove(client(options), user, options, output)))

  const groups = program.command('groups').description('groups of APIs that are subscribed to as one')
  search(leaf(groups, 'list', 'list groups')).action(run(async (output, options) => (await import('./groups.ts')).runGroupsList(client(options), options, output)))
  leaf(groups, 'show', 'one group').argument('<id>').action(run(async (output, id, options) => (await import('./groups.ts')).runGroupsShow(client(options), id, output)))
  leaf(groups, 'add', 'make a group').argument('<name>', 'what people read').requiredOption('--organisation <id>', 'whose it is').option('--id <id>', 'made from the name when absent').option('--api <id...>', 'what is in it').option('--description <text>', 'for people')
    .action(run(async (output, name, options) => (await import('./groups.ts')).runGroupsAdd(client(options), name, options, output)))
  leaf(groups, 'change', 'put APIs into a group, or take them out; what is not said stays').argument('<id>').option('--add <api...>').option('--remove <api...>').option('--name <name>').option('--description <text>')
    .action(run(async (output, id, options) => (await import('./groups.ts')).runGroupsChange(client(options), id, options, output)))
  leaf(groups, 'retire', 'take a group out of use').argument('<id>').action(run(async (output, id, options) => (await import('./groups.ts')).runGroupsRetire(client(options), id, output)))

  const products = program.command('products').description('API products: APIs and groups that are offered as one')
  search(leaf(products, 'list', 'list products')).action(run(async (output, options) => (await import('./products.ts')).runProductsList(client(options), options, output)))
  leaf(products, 'show', 'one product').argument('<id>').action(run(async (output, id, options) => (await import('./products.ts')).runProductsShow(client(options), id, output)))
  leaf(products, 'add', 'make a product').argument('<name>', 'what people read').requiredOption('--organisation <id>', 'whose it is').option('--id <id>', 'made from the name when absent').option('--api <id...>').option('--group <id...>').option('--description <text>', 'for people')
    .action(run(async (output, name, options) => (await import('./products.ts')).runProductsAdd(client(options), name, options, output)))
  leaf(products, 'change', 'put APIs and groups into a product, or take them out; what is not said stays').argument('<id>').option('--add <api...>').option('--remove <api...>').option('--add-group <id...>').option('--remove-group <id...>').option('--name <name>').option('--description <text>')
    .action(run(async (output, id, options) => (await import('./products.ts')).runProductsChange(client(options), id, options, output)))
  leaf(products, 'retire', 'take a product out of use').argument('<id>').action(run(async (output, id, options) => (await import('./products.ts')).runProductsRetire(client(options), id, output)))

  const organisations = program.command('organisations').description('organisations: whose applications and APIs they are')
  search(leaf(organisations, 'list', 'list organisations')).action(run(async (output, options) => (await import('./apis.ts')).runOrganisationsList(client(options), options, output)))
  leaf(organisations, 'add', 'make an organisation').argument('<name>', 'what people read').option('--id <id>', 'made from the name when absent').option('--four-eyes', 'publishing needs a second person').option('--contact <text>', 'whom to ask')
    .action(run(async (output, name, { url, token, json: _json, ...options }) => (await import('./apis.ts')).runOrganisationsAdd(client({ url, token }), name, options, output)))

  const subscriptions = program.command('subscriptions').description('who may call what, with which plan')
  search(leaf(subscriptions, 'list', 'list subscriptions'), 'pending, approved, refused or suspended').option('--application <id>', 'of this application only')
    .action(run(async (output, options) => (await import('./subscriptions.ts')).runSubscriptionsList(client(options), options, output)))
  leaf(subscriptions, 'add', 'subscribe an application').argument('<application>').argument('<to>', 'an API, group:<id> or product:<id>').requiredOption('--plan <id>', 'how much it may call').option('--comment <text>', 'for whoever approves')
    .action(run(async (output, application, to, options) => (await import('./subscriptions.ts')).runSubscriptionsAdd(client(options), application, to, options, output)))
  for (const act of ['approve', 'refuse', 'suspend', 'resume'] as const) {
    leaf(subscriptions, act, `${act} a subscription`).argument('<id>').option('--reason <text>', 'the subscriber can read it')
      .action(run(async (output, id, options) => (await import('./subscriptions.ts')).runSubscriptionsDecide(client(options), id, act, options, output)))
  }

  leaf(program, 'export', 'write all records of consumers as YAML, without credentials').option('--out <file>', 'instead of stdout')
    .action(run(async (output, options) => (await import('./transfer.ts')).runRecordsExport(client(options), options, output)))
  leaf(program, 'apply', 'make the records be as a YAML file says: shows the difference first, all or nothing').argument('<file>', 'what export wrote; `-` for stdin')
    .option('--dry-run', 'only say what would be done').option('--prune', 'retire what the lists of the file do not name').option('--yes', 'do not ask')
    .action(run(async (output, file, options) => (await import('./transfer.ts')).runRecordsApply(client(options), file, options, output)))

  remote(program.command('why').description('why a call was refused: what was looked at, what decided, when it passes').option('--json', 'print JSON for programs')).argument('<decision>', 'id in the answer, or its X-Request-Id')
    .action(run(async (output, id, options) => (await import('./why.ts')).runWhy(client(options), id, output)))

  const jobs = program.command('jobs').description('accepted work, and its dead letters')
  const ofFlow = (leaf_: Command) => leaf_.option('--flow <id>', 'of this flow only')
  ofFlow(leaf(jobs, 'list', 'the newest 200')).addOption(new Option('--state <state>', 'failed are the dead letters').choices(['pending', 'running', 'done', 'failed', 'expired', 'cancelled'])).action(run(async (output, options) => (await import('./jobs.ts')).runJobsList(client(options), options, output)))
  leaf(jobs, 'show', 'how one stands').argument('<job>', 'its id').action(run(async (output, id, options) => (await import('./jobs.ts')).runJobsShow(client(options), id, output)))
  for (const [act, description] of [['cancel', 'end one that has not ended'], ['retry', 'try a dead letter again, or one that waits for its next attempt at once']] as const) {
    leaf(jobs, act, description).argument('<job>', 'its id').action(run(async (output, id, options) => (await import('./jobs.ts')).runJobsAct(client(options), id, act, output)))
  }
  leaf(jobs, 'flows', 'how much of each flow waits, and which are paused').action(run(async (output, options) => (await import('./jobs.ts')).runJobsFlows(client(options), output)))
  for (const [act, description] of [['pause', 'begin no work of a flow until it is resumed'], ['resume', 'go on with the work of a flow']] as const) {
    leaf(jobs, act, description).argument('<flow>', 'its id').action(run(async (output, flow, options) => (await import('./jobs.ts')).runJobsActOnFlow(client(options), flow, act, output)))
  }
  leaf(jobs, 'move', 'give one that waits another priority').argument('<job>', 'its id').requiredOption('--to <priority>', '0 to 9')
    .action(run(async (output, id, options) => (await import('./jobs.ts')).runJobsMove(client(options), id, options, output)))
  leaf(jobs, 'drain', 'cancel all of a flow that wait now').argument('<flow>', 'its id').action(run(async (output, flow, options) => (await import('./jobs.ts')).runJobsDrain(client(options), flow, output)))
  ofFlow(leaf(jobs, 'replay', 'try all dead letters again')).action(run(async (output, options) => (await import('./jobs.ts')).runJobsReplay(client(options), options, output)))

  const cache = program.command('cache').description('what flows keep for a while')
  leaf(cache, 'list', 'which caches flows use, and how much is in them').action(run(async (output, options) => (await import('./caches.ts')).runCacheList(client(options), output)))
  leaf(cache, 'purge', 'forget values and answers on all gateways').option('--tag <tag...>', 'what has one of these tags').option('--key <pattern>', 'parts of a key with / between them, or path and query of an answer; * stands for any text').option('--all', 'all of it')
    .option('--flow <flow>', 'caches of this flow only: its id or label').option('--organisation <id>', 'caches that flows of this organisation share').option('--cache <name>', 'caches of this name only')
    .action(run(async (output, options) => (await import('./caches.ts')).runCachePurge(client(options), options, output)))

  const queues = program.command('queues').description('where calls wait for their turn')
  leaf(queues, 'list', 'how many wait, by priority').action(run(async (output, options) => (await import('./queues.ts')).runQueuesList(client(options), output)))
  leaf(queues, 'show', 'on each gateway, and what a call of each priority would wait now').argument('<queue>', 'name of the resource; *gateway is the limit of each gateway')
    .action(run(async (output, name, options) => (await import('./queues.ts')).runQueuesShow(client(options), name, output)))
  for (const [act, description] of [['pause', 'give nobody a turn until it is resumed'], ['resume', 'give turns again'], ['drain', 'refuse all that wait now']] as const) {
    leaf(queues, act, description).argument('<queue>').action(run(async (output, name, options) => (await import('./queues.ts')).runQueuesAct(client(options), name, act, output)))
  }
  leaf(queues, 'move', 'move all of one priority that wait to another').argument('<queue>').requiredOption('--from <priority>', '0 to 9').requiredOption('--to <priority>', '0 to 9')
    .action(run(async (output, name, options) => (await import('./queues.ts')).runQueuesMove(client(options), name, options, output)))

  const audit = program.command('audit').description('who did what')
  leaf(audit, 'verify', 'read the whole log; fails at the first entry that was tampered with').action(run(async (output, options) => (await import('./audit.ts')).runAuditVerify(client(options), output)))
  leaf(audit, 'list', 'the newest entries').option('--subject <record>', 'such as applications/shop').option('--user <name>').option('--action <action>')
    .action(run(async (output, options) => (await import('./audit.ts')).runAuditList(client(options), options, output)))
}
