import { expect, test } from '@jest/globals';
import {
  type IpamReply,
  parseQuestions,
  parseReplies,
  withoutQuestion,
  withoutReply,
  withQuestion,
  withReply,
} from '../../../src/controllers/ipam/conversation.ts';

const refusal = (id: string): IpamReply => ({ id, answer: { what: 'refusal', message: id } });

test('people who ask at once are all heard, and an answered question goes', () => {
  let text: string | undefined;
  text = withQuestion(text, { id: 'a', ask: { what: 'usage' } });
  text = withQuestion(text, { id: 'b', ask: { what: 'check', fix: true } });
  text = withQuestion(text, { id: 'c', ask: { what: 'address', address: '10.0.0.7' } });
  expect(parseQuestions(text).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(parseQuestions(withoutQuestion(text, 'b'))).toEqual([
    { id: 'a', ask: { what: 'usage' } },
    { id: 'c', ask: { what: 'address', address: '10.0.0.7' } },
  ]);
});

test('an answer is there until it is taken, of each question one', () => {
  let text: string | undefined;
  for (const id of ['a', 'b', 'b', 'c']) text = withReply(text, refusal(id));
  expect(parseReplies(text)).toEqual(['a', 'b', 'c'].map(refusal));
  expect(parseReplies(withoutReply(text, 'b'))).toEqual(['a', 'c'].map(refusal));
});

test('answers that nobody takes do not fill the ConfigMap: the oldest go', () => {
  let text: string | undefined;
  for (let index = 0; index < 12; index += 1) {
    const message = 'x'.repeat(200_000);
    text = withReply(text, { id: String(index), answer: { what: 'refusal', message } });
    expect(text.length).toBeLessThan(1_000_000);
  }
  expect(parseReplies(text).map(({ id }) => id)).toEqual(['8', '9', '10', '11']);
});

test.each([undefined, '', 'no JSON', '{}', '[7, null, {"id": 3}, {"id": "x", "ask": {"what": "dance"}}]'])(
  'what is no question is none: %s',
  (text) => {
    expect(parseQuestions(text)).toEqual([]);
    expect(parseReplies(text)).toEqual([]);
  },
);

test('what does not say fix in so many words changes nothing', () => {
  const text = JSON.stringify([{ id: 'a', ask: { what: 'check', fix: 'yes' } }]);
  expect(parseQuestions(text)).toEqual([{ id: 'a', ask: { what: 'check', fix: false } }]);
});
