import { createRequire } from 'node:module'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** The parts of Node-RED's undocumented seam that we stand on; contract tests hold them. */
export interface NodeRed {
  readonly util: {
    init(settings: object): void
    readonly util: { encodeObject(message: object, options: { maxLength: number }): { msg: unknown; format: string } }
    readonly log: { init(settings: object): void; addHandler(handler: object): void }
    readonly i18n: {
      registerMessageCatalog(namespace: string, dir: string, file: string): Promise<void>
      catalog(namespace: string, language: string): Record<string, unknown> | undefined
    }
    readonly events: { emit(event: string, value: unknown): boolean }
  }
  readonly runtime: {
    init(settings: object, server: Server, api: object): void
    start(): Promise<void>
    stop(): Promise<void>
    readonly storage: object
    readonly httpAdmin: ExpressApp
    readonly nodes: { getNodeList(options: object): Promise<readonly RegisteredSet[]> }
  }
  readonly api: {
    init(settings: object, server: Server, storage: object, runtimeApi: object): void
    start(): Promise<void>
    stop(): Promise<void>
    readonly httpAdmin: ExpressApp
  }
}

export interface RegisteredSet {
  readonly id: string
  readonly module: string
  readonly types: readonly string[]
  readonly err?: unknown
}

export interface ExpressApp {
  (request: IncomingMessage, response: ServerResponse): void
  use(app: ExpressApp): void
}

/** Loads Node-RED's modules. They keep their state in module variables: one editor host per process. */
export function loadNodeRed(): NodeRed {
  const require = createRequire(import.meta.url)
  return {
    util: require('@node-red/util') as NodeRed['util'],
    runtime: require('@node-red/runtime') as NodeRed['runtime'],
    api: require('@node-red/editor-api') as NodeRed['api'],
  }
}

/** A user as Node-RED knows it. */
export interface EditorUser {
  readonly username: string
  readonly permissions: string | readonly string[]
}

/** The connection of one browser, as editor-api makes it. `stack` is its queue, which it does not bound itself. */
export interface CommsClient {
  readonly session: string
  readonly user?: EditorUser
  readonly stack: unknown[]
  readonly ws: { readonly bufferedAmount: number; send(text: string): void; close(): void }
  send(topic: string, data: unknown): void
}
