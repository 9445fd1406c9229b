/* What a store gives of snapshots is judged when it is read. */

import { expect, test } from 'vitest';
import { decodeRecord, decodeSuperblock, encodeRecord } from '../../../src/upper/stored-record.ts';
import { inode, whiteout } from './store-cases.ts';

const stored = { names: [], was: 5, until: 2, record: encodeRecord(inode()) };

test.each([
  ['no record', { ...stored, record: undefined }],
  ['a damaged record', { ...stored, record: { ...stored.record, mode: 'x' } }],
  ['a version of a version', { ...stored, record: stored }],
  ['no number of a record', { ...stored, was: -1 }],
  ['no end', { ...stored, until: undefined }],
  ['an end that is no number', { ...stored, until: '2' }],
  ['names', { ...stored, names: [[1, 'a']] }],
  ['a beginning that is no number', { ...stored, record: { ...stored.record, since: 1.5 } }],
])('a version with %s is damaged', (_, value) => {
  expect(decodeRecord(value)).toBeUndefined();
});

test('a whiteout with a beginning that is no number is damaged', () => {
  expect(decodeRecord({ ...whiteout(1, 'a'), since: 'x' })).toBeUndefined();
});

const superblock = (next: unknown, ...list: unknown[]) => ({ format: 3, lowers: [], snapshots: { list, next } });

test.each([
  ['no next number', superblock(undefined)],
  ['a next number that was given', superblock(2, { id: 2, timeMs: 1 })],
  ['numbers that do not rise', superblock(9, { id: 2, timeMs: 1 }, { id: 2, timeMs: 1 })],
  ['the number 0', superblock(9, { id: 0, timeMs: 1 })],
  ['a label that is none', superblock(9, { id: 2, label: 7, timeMs: 1 })],
  ['no time', superblock(9, { id: 2 })],
  ['no list', { format: 3, lowers: [], snapshots: { next: 2 } }],
])('a superblock with snapshots with %s is damaged', (_, value) => {
  expect(decodeSuperblock(value)).toBeUndefined();
});
