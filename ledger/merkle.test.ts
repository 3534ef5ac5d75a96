import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { consistencyPath, emptyRoot, hashLeaf, inclusionPath, isConsistent, isIncluded, merkleRoot } from './merkle.ts'

const leavesOf = (size: number) => Array.from({ length: size }, (_, place) => hashLeaf(`record ${place}`))

describe('Merkle trees', () => {
  test('hash as RFC 6962 has it: the known roots of its test vectors', () => {
    const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) => Buffer.from(hex, 'hex'))
    const leaves = data.map(hashLeaf)
    expect(emptyRoot).toBe(createHash('sha256').digest('hex'))
    expect(merkleRoot([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(merkleRoot(leaves.slice(0, 1))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
    expect(merkleRoot(leaves.slice(0, 2))).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125')
    expect(merkleRoot(leaves.slice(0, 3))).toBe('aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77')
    expect(merkleRoot(leaves)).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  })

  test('every record of every tree up to 300 is proved, and no other record by its proof', () => {
    const leavesOfAll = leavesOf(300)
    const other = hashLeaf('another')
    const wrong: string[] = []
    for (let size = 1; size <= 300; size++) {
      const leaves = leavesOfAll.slice(0, size)
      const root = merkleRoot(leaves)
      // All places of small trees; of large ones the ends, the middle and one that wanders.
      const places = size <= 24 ? leaves.keys() : new Set([0, size >> 1, size - 1, (size * 31 + 11) % size])
      for (const index of places) {
        const path = inclusionPath(leaves, index)
        const leaf = leaves[index] as string
        const all = [
          isIncluded({ leaf, index, size, path, root }),
          !isIncluded({ leaf: other, index, size, path, root }),
          size === 1 || !isIncluded({ leaf, index: (index + 1) % size, size, path, root }),
          isIncluded({ leaf, index, size, path: path.slice(1), root }) === (size === 1),
          !isIncluded({ leaf, index, size, path: [...path, root], root }),
        ]
        if (all.includes(false)) wrong.push(`${index} of ${size}: ${all}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('any altered bit of a proof makes it worthless', () => {
    const leaves = leavesOf(21)
    const root = merkleRoot(leaves)
    const leaf = leaves[9] as string
    const path = inclusionPath(leaves, 9)
    const flip = (hash: string, bit: number) => {
      const bytes = Buffer.from(hash, 'hex')
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      return bytes.toString('hex')
    }
    for (let bit = 0; bit < 256; bit++) {
      expect(isIncluded({ leaf: flip(leaf, bit), index: 9, size: 21, path, root })).toBe(false)
      expect(isIncluded({ leaf, index: 9, size: 21, path, root: flip(root, bit) })).toBe(false)
      for (const place of path.keys()) expect(isIncluded({ leaf, index: 9, size: 21, path: path.map((hash, at) => (at === place ? flip(hash, bit) : hash)), root })).toBe(false)
    }
  })

  test('a tree that grew is proved to begin with what it was, and one that was rewritten is not', () => {
    const wrong: string[] = []
    for (let size = 0; size <= 40; size++) {
      const leaves = leavesOf(size)
      const to = merkleRoot(leaves)
      for (let before = 0; before <= size; before++) {
        const from = merkleRoot(leaves.slice(0, before))
        const path = consistencyPath(leaves, before)
        const other = before === 0 ? from : merkleRoot(leaves.slice(0, before).with(0, hashLeaf('another')))
        const all = [
          isConsistent({ from, fromSize: before, to, toSize: size, path }),
          before === 0 || !isConsistent({ from: other, fromSize: before, to, toSize: size, path }),
          before === 0 || before === size || !isConsistent({ from, fromSize: before, to, toSize: size, path: path.slice(0, -1) }),
        ]
        if (all.includes(false)) wrong.push(`${before} of ${size}: ${all}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
