import type { Control } from '../control/contract.ts'

type Documents = Control['documents']

/**
 * What the stock runtime keeps, on the documents of control: the registry's and the users' settings, and
 * the library. A plain object, because support for settings is detected by own properties. Flows,
 * credentials and sessions do not pass through here.
 */
export function createStorage(documents: Documents) {
  return {
    init: async () => {},
    getFlows: async () => [],
    saveFlows: async () => {},
    getCredentials: async () => ({}),
    saveCredentials: async () => {},
    getSettings: async () => (await documents.get('editor/settings')) ?? {},
    saveSettings: (settings: unknown) => documents.set('editor/settings', settings),
    getSessions: async () => ({}),
    saveSessions: async () => {},
    getLibraryEntry: (type: string, path: string) => getLibraryEntry(documents, type, path),
    saveLibraryEntry: (type: string, path: string, meta: unknown, body: string) =>
      documents.set(libraryKey(type, path), { meta, body }),
  }
}

/** An entry's text, or for a folder the names of folders and entries in it, as the editor's library asks. */
async function getLibraryEntry(documents: Documents, type: string, path: string): Promise<unknown> {
  const entry = (await documents.get(libraryKey(type, path))) as { body?: string } | undefined
  if (entry) return entry.body
  const folder = libraryKey(type, path).replace(/\/?$/, '/')
  const folders = new Set<string>()
  const entries: object[] = []
  for (const key of await documents.list(folder)) {
    const rest = key.slice(folder.length).split('/')
    if (rest.length > 1) folders.add(rest[0]!)
    else entries.push({ ...((await documents.get(key)) as { meta?: object })?.meta, fn: rest[0] })
  }
  if (folders.size === 0 && entries.length === 0 && path.replaceAll('/', '') !== '') {
    throw Object.assign(new Error('not found'), { code: 'not_found', status: 404 })
  }
  return [...folders, ...entries]
}

function libraryKey(type: string, path: string): string {
  return ['library', type, ...path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')].join('/')
}
