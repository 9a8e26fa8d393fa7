/**
 * @generated SignedSource<<9dc3b49015f0b7c6be3150233a9da9ff>>
 * @relayHash 407a7c0bf5d988c9234782db7b561ddc
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 9aa53cda861a6bde64b2f0e0294d9847443f15c5b452160553dc910ab0c124ae

import { ConcreteRequest } from 'relay-runtime';
export type MessageRole = "AGENT" | "ASSISTANT" | "SYSTEM" | "USER" | "%future added value";
export type operationsEventsSubscription$variables = {
  after?: string | null | undefined;
  id: string;
};
export type operationsEventsSubscription$data = {
  readonly event: {
    readonly __typename: string;
    readonly citation?: {
      readonly id: string;
      readonly title: string;
    };
    readonly content?: string;
    readonly cursor: string;
    readonly message?: {
      readonly citations: ReadonlyArray<{
        readonly id: string;
        readonly title: string;
      }>;
      readonly content: string;
      readonly id: string;
      readonly role: MessageRole;
    };
    readonly messageId?: string;
  };
};
export type operationsEventsSubscription = {
  response: operationsEventsSubscription$data;
  variables: operationsEventsSubscription$variables;
};

const node: ConcreteRequest = (function(){
var v0 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "after"
},
v1 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "id"
},
v2 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v3 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "content",
  "storageKey": null
},
v4 = [
  (v2/*:: as any*/),
  {
    "alias": null,
    "args": null,
    "kind": "ScalarField",
    "name": "title",
    "storageKey": null
  }
],
v5 = [
  {
    "alias": null,
    "args": null,
    "concreteType": "Message",
    "kind": "LinkedField",
    "name": "message",
    "plural": false,
    "selections": [
      (v2/*:: as any*/),
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "role",
        "storageKey": null
      },
      (v3/*:: as any*/),
      {
        "alias": null,
        "args": null,
        "concreteType": "Citation",
        "kind": "LinkedField",
        "name": "citations",
        "plural": true,
        "selections": (v4/*:: as any*/),
        "storageKey": null
      }
    ],
    "storageKey": null
  }
],
v6 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "messageId",
  "storageKey": null
},
v7 = [
  {
    "alias": "event",
    "args": [
      {
        "kind": "Variable",
        "name": "after",
        "variableName": "after"
      },
      {
        "kind": "Variable",
        "name": "conversationId",
        "variableName": "id"
      }
    ],
    "concreteType": null,
    "kind": "LinkedField",
    "name": "conversationEvents",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "__typename",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "cursor",
        "storageKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": (v5/*:: as any*/),
        "type": "MessageCreated",
        "abstractKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": [
          (v6/*:: as any*/),
          (v3/*:: as any*/)
        ],
        "type": "MessageDelta",
        "abstractKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": [
          (v6/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "concreteType": "Citation",
            "kind": "LinkedField",
            "name": "citation",
            "plural": false,
            "selections": (v4/*:: as any*/),
            "storageKey": null
          }
        ],
        "type": "CitationAdded",
        "abstractKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": (v5/*:: as any*/),
        "type": "MessageCompleted",
        "abstractKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": [
      (v0/*:: as any*/),
      (v1/*:: as any*/)
    ],
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsEventsSubscription",
    "selections": (v7/*:: as any*/),
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [
      (v1/*:: as any*/),
      (v0/*:: as any*/)
    ],
    "kind": "Operation",
    "name": "operationsEventsSubscription",
    "selections": (v7/*:: as any*/)
  },
  "params": {
    "id": "9aa53cda861a6bde64b2f0e0294d9847443f15c5b452160553dc910ab0c124ae",
    "metadata": {},
    "name": "operationsEventsSubscription",
    "operationKind": "subscription",
    "text": null
  }
};
})();

(node as any).hash = "936159d2ce19a0f045535f0ae2f5d735";

export default node;
