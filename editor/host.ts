import { mkdir } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Refused, type Actor, type Control, type User } from '../control/contract.ts'
import type { NodeDefinition } from '../runtime/core/node.ts'
import { categories } from './palette/categories.ts'
import { generatePalette } from './palette/generate.ts'
import { loadNodeRed, type EditorUser, type NodeRed, type RegisteredSet } from './node-red.ts'
import { toEditorUser } from './permissions.ts'
import { createComms, type Comms } from './runtime-api/comms.ts'
import { createContextApi } from './runtime-api/context.ts'
import { createDiagnosticsApi } from './runtime-api/diagnostics.ts'
import { createFlowsApi } from './runtime-api/flows.ts'
import { toEditorError } from './runtime-api/refusal.ts'
import type { ActorOf } from './runtime-api/who.ts'
import { createStorage } from './storage.ts'

export interface EditorHostOptions {
  readonly control: Control
  readonly definitions: readonly NodeDefinition[]
  /** Folder of the editor's generated palette; made if missing, overwritten at every start. */
  readonly dir: string
  readonly server: Server
  /** Where the editor is mounted, with slashes around: `/editor/`. */
  readonly basePath: string
  readonly log?: (level: 'error' | 'warn', text: string) => void
}

/** The stock editor with our palette, on our control plane. One per process. */
export interface EditorHost {
  /** Answers a request below the mount path that has already passed the sign-in. */
  handle(request: IncomingMessage, response: ServerResponse): void
  readonly comms: Comms
  /** Node sets that the palette holds. */
  nodeSets(): Promise<readonly RegisteredSet[]>
  close(): Promise<void>
}

const client = (file: string) => fileURLToPath(new URL(`./client/${file}`, import.meta.url))

/** Opens the stock editor on our control plane. */
export async function openEditorHost(options: EditorHostOptions): Promise<EditorHost> {
  const { control, server } = options
  await mkdir(options.dir, { recursive: true })
  const palette = await generatePalette(options.dir, options.definitions)
  const red = loadNodeRed()
  const tokens = new WeakMap<EditorUser, string>()
  const actors = new WeakMap<EditorUser, Actor>()
  const settings = toSettings(options, palette, async (token) => {
    const user = await control.users.verifyToken(token)
    if (!user) return null
    const editorUser = await signedIn(user)
    tokens.set(editorUser, token)
    return editorUser
  }, signedIn)

  async function signedIn(user: User): Promise<EditorUser> {
    const actor: Actor = { name: user.name, role: user.role, from: '' }
    const editorUser = toEditorUser(user, await control.flows.rights(actor))
    actors.set(editorUser, actor)
    return editorUser
  }

  /** Who asks, and from where: the door writes the address into the header that the stock application reads it from. */
  const actorOf: ActorOf = ({ user, req }) => {
    const actor = user && actors.get(user)
    if (!actor) throw toEditorError(new Refused('auth.required', 401, 'Sign in first.'))
    return { ...actor, from: req?.ip ?? '' }
  }

  red.util.init(settings)
  red.runtime.init(settings, server, red.api)
  const comms = createComms(control, red.util, (user) => tokens.get(user), (user) => actors.get(user))
  const runtimeApi = Object.assign(Object.create(red.runtime) as object, {
    flows: createFlowsApi(control, actorOf),
    context: createContextApi(control, red.util.util.encodeObject, actorOf),
    comms: comms.api,
    diagnostics: createDiagnosticsApi(control, actorOf),
    isStarted: async () => true,
  })
  red.api.init(settings, server, red.runtime.storage, runtimeApi)
  red.api.httpAdmin.use(red.runtime.httpAdmin)
  await red.runtime.start()
  // Ours first, so that English is read from it; again after start, which registers the stock texts over it.
  await registerTexts(red, palette.localesDir)
  await red.api.start()
  await registerTexts(red, palette.localesDir)

  return {
    handle(request, response) {
      // Express wants the path below the mount in `url` and the whole one in `originalUrl`.
      Object.assign(request, { originalUrl: request.url })
      request.url = `/${(request.url ?? '').slice(options.basePath.length)}`
      red.api.httpAdmin(request, response)
    },
    comms,
    nodeSets: () => red.runtime.nodes.getNodeList({}),
    async close() {
      comms.close()
      await red.api.stop()
      await red.runtime.stop()
    },
  }
}

async function registerTexts(red: NodeRed, dir: string): Promise<void> {
  for (const namespace of ['editor', 'jsonata', 'infotips']) await red.util.i18n.registerMessageCatalog(namespace, dir, `${namespace}.json`)
}

function toSettings(options: EditorHostOptions, palette: { userDir: string; coreNodesDir: string }, verify: (token: string) => Promise<EditorUser | null>, signedIn: (user: User) => Promise<EditorUser>) {
  const none = { allowInstall: false, allowUpload: false, allowUpdate: false, allowList: [], denyList: ['*'] }
  return {
    userDir: palette.userDir,
    coreNodesDir: palette.coreNodesDir,
    httpAdminRoot: options.basePath,
    httpNodeRoot: '/',
    credentialSecret: false, // the runtime here keeps no credentials to encrypt
    storageModule: createStorage(options.control.documents),
    adminAuth: {
      type: 'credentials',
      users: async (name: string) => {
        const user = await options.control.users.get(name)
        return user && !user.disabled ? await signedIn(user) : null
      },
      // Signing in is done in front of this, with the address of whoever asks.
      authenticate: async () => null,
      tokens: verify,
    },
    apiMaxLength: '20mb',
    externalModules: { autoInstall: false, palette: none, modules: none },
    functionExternalModules: false,
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: true, ui: true },
    runtimeState: { enabled: false, ui: false },
    logging: { console: { level: 'off', metrics: false, audit: false }, ours: { level: 'error', handler: () => toLogHandler(options.log) } },
    editorTheme: {
      page: {
        title: 'Sluice',
        favicon: client('favicon.svg'),
        css: [client('sluice.css'), client('map-form.css')],
        scripts: [client('form.js'), client('map-texts.js'), client('map-form.js'), client('problems.js'), client('shell.js'), client('trace-canvas.js'), client('watch.js'), client('tests.js')],
      },
      header: { title: 'Sluice', image: client('mark.svg'), url: '/' },
      deployButton: { type: 'simple' },
      logout: { redirect: '/sign-in' },
      menu: {
        'menu-item-help': { label: 'Sluice', url: '/docs' },
        'menu-item-import-library': true,
        'menu-item-projects-menu': false,
        'menu-item-node-red-version': false,
      },
      tours: false,
      projects: { enabled: false },
      multiplayer: { enabled: false },
      codeEditor: { lib: 'monaco', options: {} },
      palette: {
        categories: {
          order: ['subflows', ...Object.keys(categories)],
          nodeOverrides: Object.fromEntries(options.definitions.filter((one) => one.stockForm && !one.configNode).map((one) => [one.type, one.category])),
        },
      },
    },
  }
}

/** Errors only: the stock runtime's warnings are about running flows and keeping credentials, which it does not do here. */
function toLogHandler(log: EditorHostOptions['log']) {
  return (line: { msg?: unknown }) => {
    if (line.msg !== undefined) log?.('error', String(line.msg))
  }
}
