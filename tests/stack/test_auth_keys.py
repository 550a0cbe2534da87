"""Changing the key that signs user tokens, without signing anybody out."""

import json
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local_stack.errors import StackError
from local_stack.keys import Keys
from local_stack.settings import Settings
from local_stack.signing import SigningKey
from local_stack.tokens import InvalidTokenError, Tokens, now
from tests.stack.auth_server import serve_auth


def _rsa_jwk(kid: str) -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private, as_dict=True)
    return json.dumps(jwk | {"kid": kid, "alg": "RS256", "key_ops": ["sign", "verify"]})


def _rotated(keys: Keys) -> Keys:
    return replace(
        keys,
        signing_key=Keys.generate().signing_key,
        previous_signing_keys=(keys.signing_key,),
    )


async def test_a_rotation_keeps_everybody_signed_in(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings) as auth:
        old = await auth.sign_up()
    rotated = replace(bare_settings, keys=_rotated(bare_settings.keys))
    async with serve_auth(rotated) as auth:
        assert (await auth.call("GET", "/user", token=old["access_token"])).status == 200
        new = (await auth.refresh(old["refresh_token"])).body
        published = jwt.PyJWKSet.from_dict((await auth.call("GET", "/.well-known/jwks.json")).body)
        for session in (old, new):
            token = session["access_token"]
            key = published[jwt.get_unverified_header(token)["kid"]]
            assert jwt.decode(token, key, algorithms=["ES256"], audience="authenticated")
    kids = [jwt.get_unverified_header(s["access_token"])["kid"] for s in (old, new)]
    assert kids[0] != kids[1]
    assert [key.key_id for key in published.keys] == kids[::-1]
    forgotten = replace(rotated.keys, previous_signing_keys=())
    async with serve_auth(replace(rotated, keys=forgotten)) as auth:
        gone = await auth.call("GET", "/user", token=old["access_token"])
        assert gone.refusal == (403, "bad_jwt")


def test_the_official_clis_keys_can_sign() -> None:
    keys = replace(Keys.generate(), signing_key=_rsa_jwk("a key"))
    tokens = Tokens(keys)
    token = tokens.sign({"sub": "x", "exp": now() + 60})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "a key", "typ": "JWT"}
    assert tokens.verify(token)["sub"] == "x"
    assert set(tokens.public_key) == {"kty", "n", "e", "alg", "use", "key_ops", "kid", "ext"}
    with pytest.raises(InvalidTokenError):
        Tokens(Keys.generate()).verify(token)


def test_a_keys_algorithm_cannot_be_chosen_by_a_token() -> None:
    keys = Keys.generate()
    tokens = Tokens(replace(keys, previous_signing_keys=(_rsa_jwk("rsa"),)))
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for kid in ("rsa", tokens.public_key["kid"], "unknown"):
        forged = jwt.encode({"sub": "x"}, stranger, algorithm="RS256", headers={"kid": kid})
        with pytest.raises(InvalidTokenError):
            tokens.verify(forged)


def test_what_is_no_key_is_told() -> None:
    curve = ec.generate_private_key(ec.SECP384R1())
    other = json.dumps(jwt.algorithms.ECAlgorithm.to_jwk(curve, as_dict=True))
    public = json.dumps(SigningKey.parse(Keys.generate().signing_key).public_jwk)
    for text in ("", "no key", "{", "{}", other, public):
        with pytest.raises(StackError, match=r"keys\.json"):
            SigningKey.parse(text)
