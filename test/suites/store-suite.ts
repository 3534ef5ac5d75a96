import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore, type Store } from '../../control/store/store.ts'
import { exportStore, importStore } from '../../control/store/transfer.ts'

/** A place for stores that no other test uses. `open` gives the same store again, `empty` another, empty one. */
export interface StorePlace {
  open(): Promise<Store>
  empty(): Promise<Store>
  close(): Promise<void>
}

export { openStore }

/** What every store has to keep, whichever database is below it. */
export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`store on ${name}`, () => {
    let place: StorePlace
    let store: Store
    beforeAll(async () => {
      place = await makePlace()
      store = await place.open()
    })
    afterAll(async () => {
      await store?.close()
      await place?.close()
    })

    const user = (name: string) => ({ name, role: 'admin', password: 'scrypt$…', disabled: 0, created_at: '2026-01-01T00:00:00.000Z', last_sign_in_at: null })
    const release = (id: number) => ({
      id, created_at: 'now', user_name: 'u', comment: '', hash: 'h', rev: 'r', credentials_hash: 'c', signature: 's', rollback_of: null, layout: '[]', changed: '[]',
    })

    test('a name can be taken once', async () => {
      expect(await store.users.add(user('ann'))).toBe(true)
      expect(await store.users.add(user('ann'))).toBe(false)
      expect(await store.users.get('ann')).toMatchObject(user('ann'))
      await store.users.change('ann', { disabled: 1 })
      expect((await store.users.list()).map(({ disabled }) => disabled)).toEqual([1])
    })

    test('what is taken back is numbered in the order of its commits, has one row per name, and is forgotten when it has ended', async () => {
      const { revocations } = store
      const put = (id: string, client: string | null = null, expires_at = '2026-06-01T00:00:00.000Z') => store.transaction((tables) => tables.revocations.put({ id, client, before_at: null, expires_at }))
      const first = await revocations.head()
      await Promise.all(Array.from({ length: 20 }, (_, index) => put(`jti:${index}`, 'web')))
      expect(await revocations.head()).toBe(first + 20)
      expect((await revocations.after(first, '2026-01-01')).map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, index) => first + index + 1))
      await put('jti:3', 'web')
      expect((await revocations.after(first + 20, '2026-01-01')).map(({ id }) => id)).toEqual(['jti:3'])
      expect(await revocations.countOf('web', '2026-01-01')).toBe(20)
      await put('user:ann', null, '2026-02-01T00:00:00.000Z')
      await revocations.removeExpired('2026-03-01')
      expect([await revocations.has('user:ann'), await revocations.has('jti:0'), await revocations.countOf('web', '2026-07-01')]).toEqual([false, true, 0])
    })

    test('one identity elsewhere is one user', async () => {
      expect(await store.users.add({ ...user('elsewhere-1'), upstream: 'same' })).toBe(true)
      expect(await store.users.add({ ...user('elsewhere-2'), upstream: 'same' })).toBe(false)
      expect((await store.users.byUpstream('same'))?.name).toBe('elsewhere-1')
      expect(await store.users.byUpstream('other')).toBeUndefined()
    })

    test('a transaction that fails leaves nothing behind', async () => {
      const failed = await store
        .transaction(async (tables) => {
          await tables.meta.set('half', 'done')
          await tables.users.add(user('half'))
          throw new Error('no')
        })
        .catch((thrown: unknown) => thrown)
      expect(failed).toMatchObject({ code: 'store.unavailable' })
      expect(await store.meta.get('half')).toBeUndefined()
      expect(await store.users.get('half')).toBeUndefined()
    })

    test('a document is stored once per content, whoever brings it again', async () => {
      const row = { hash: 'h1', flow_id: 'f', document: '["深色模式 \\u0000"]', created_at: '1', user_name: 'ann', comment: '' }
      await store.revisions.add([row])
      await store.revisions.add([{ ...row, user_name: 'bob' }])
      expect(await store.revisions.list(['h1', 'h2'])).toEqual([row])
    })

    test('releases come newest first and page by page, each with its flows in order', async () => {
      const flows = Array.from({ length: 1200 }, (_, position) => ({ release_id: 1, position, flow_id: `f${position}`, revision: 'h1' }))
      await store.releases.add(release(1), flows)
      await store.releases.add(release(2), [])
      await store.releases.add({ ...release(3), rollback_of: 1 }, [])
      expect((await store.releases.list(undefined, 2)).map(({ id }) => id)).toEqual([3, 2])
      expect((await store.releases.list(2, 2)).map(({ id }) => id)).toEqual([1])
      expect(await store.releases.newest()).toEqual({ ...release(3), rollback_of: 1 })
      expect(await store.releases.flowsOf(1)).toEqual(flows)
    })

    test('a join token is used by one of many who try at once', async () => {
      await store.gateways.addJoinToken({ hash: 't', created_by: 'ann', created_at: '1', expires_at: '9', used_at: null })
      const tries = await Promise.all(Array.from({ length: 8 }, () => store.gateways.useJoinToken('t', '5')))
      expect(tries.filter(Boolean).length).toBe(1)
      await store.gateways.addJoinToken({ hash: 'late', created_by: 'ann', created_at: '1', expires_at: '4', used_at: null })
      expect(await store.gateways.useJoinToken('late', '5')).toBe(false)
    })

    test('keys of documents are listed by prefix, exactly', async () => {
      for (const key of ['lib/a', 'lib/B', 'LIB/c', 'lib_d', 'lib/%']) await store.documents.set(key, '1', 'now')
      await store.documents.set('lib/a', '2', 'later')
      expect(await store.documents.list('lib/')).toEqual(['lib/%', 'lib/B', 'lib/a'])
      expect((await store.documents.get('lib/a'))?.value).toBe('2')
    })

    test('what a gateway says later about a release replaces what it said before', async () => {
      const said = { gateway_id: 'g', release_id: 1, hash: 'h', state: 'refused', detail: 'no', at: '1' }
      await store.gateways.acknowledge(said)
      await store.gateways.acknowledge({ ...said, state: 'live', detail: null, at: '2' })
      expect(await store.gateways.acknowledgements()).toEqual([{ ...said, state: 'live', detail: null, at: '2' }])
    })

    test('credentials of a deleted node come back, until they are purged', async () => {
      const row = { node_id: 'n', key_id: 'k', sealed: 's', updated_at: '1', removed_at: null }
      await store.credentials.put([row])
      await store.credentials.setRemoved(['n'], '2026-01-01')
      expect((await store.credentials.list())[0]?.removed_at).toBe('2026-01-01')
      await store.credentials.put([{ ...row, sealed: 't' }])
      expect(await store.credentials.list()).toEqual([{ ...row, sealed: 't' }])
      await store.credentials.setRemoved(['n'], '2026-01-01')
      await store.credentials.purge('2026-02-01')
      expect(await store.credentials.list()).toEqual([])
    })

    test('an export fills an empty store with the same rows, and only an empty one', async () => {
      const lines: string[] = []
      for await (const line of exportStore(store)) lines.push(line)
      await expect(importStore(store, lines)).rejects.toMatchObject({ code: 'store.not_empty' })
      const other = await place.empty()
      try {
        await expect(importStore(other, ['{"table":"meta","row":{"key":"a","value":"b"}}'])).rejects.toMatchObject({ code: 'store.malformed' })
        expect(await importStore(other, lines)).toEqual({ rows: lines.length - 1 })
        const again: string[] = []
        for await (const line of exportStore(other)) again.push(line)
        expect(again.length).toBe(lines.length)
        // Databases sort texts differently; which rows there are is what counts.
        expect(again.toSorted()).toEqual(lines.toSorted())
      } finally {
        await other.close()
      }
    })

    test('what was written is there after it was closed and opened again', async () => {
      await store.meta.set('kept', 'yes')
      await store.close()
      store = await place.open()
      expect(await store.meta.get('kept')).toBe('yes')
    })
  })
}
