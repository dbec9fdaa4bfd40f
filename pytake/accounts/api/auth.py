"""`/auth`: registration, tokens, passwords, sessions of API clients."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.accounts import audit, mail, people, registration, sessions, sign_in
from pytake.accounts.access import MEMBER, PUBLIC
from pytake.accounts.api.shapes import DoneShape, MeShape, PairShape, SessionShape
from pytake.accounts.api_base import ApiView, ApiViewSet
from pytake.accounts.models import RefreshToken, User
from pytake.accounts.rates import Rate
from pytake.core.errors import DomainError, NotFoundError
from pytake.infra.serializing import StrictSerializer

_DONE: Final = {"status": "ok"}


def strong(password: str, user: User | None = None) -> str:
    """Hold a new password against the rules."""
    try:
        validate_password(password, user)
    except DjangoValidationError as exc:
        raise serializers.ValidationError({"password": list(exc.messages)}) from exc
    return password


def _answer(user: User, pair: sessions.Pair, request: Request, *, status: int = 200) -> Response:
    shape = {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "user": MeShape(user, context={"request": request}).data,
    }
    return Response(shape, status=status, headers={"Cache-Control": "no-store"})


def _inner(request: Any) -> Any:
    """Return Django's request."""
    return request._request


class RegisterInput(StrictSerializer):
    """A new organization and its first administrator."""

    organization_name = serializers.CharField(max_length=120)
    full_name = serializers.CharField(max_length=150)
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class Register(ApiView):
    """`/auth/register`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}
    route_rates = {"post": [Rate("register", 3, 3600, "ip", on_failure="local")]}

    @extend_schema(request=RegisterInput, responses={201: PairShape})
    def post(self, request: Request) -> Response:
        """Register an organization.

        Creates the organization on a trial of 14 days with the limits of the professional plan, and its
        first administrator, who is signed in. A code to confirm the address is mailed.
        """
        data = self.checked(RegisterInput, request)
        strong(data["password"])
        now = timezone.now()
        user = registration.register(now=now, request=_inner(request), **data)
        mail.send_verification(user)
        return _answer(user, sessions.begin(user, request=_inner(request), now=now), request, status=201)


class LoginInput(StrictSerializer):
    """Who signs in."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    otp = serializers.CharField(max_length=20, required=False, default="", help_text="Code of the second factor.")


class Login(ApiView):
    """`/auth/login`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}

    @extend_schema(request=LoginInput, responses={200: PairShape})
    def post(self, request: Request) -> Response:
        """Sign in.

        At most 5 attempts a minute for an account from one address. Five failures lock an account for 30
        minutes (`AUTH_LOCKED`). Accounts with a second factor answer `AUTH_OTP_REQUIRED` until `otp` is right.
        """
        data = self.checked(LoginInput, request)
        now = timezone.now()
        user = sign_in.sign_in(data["email"], data["password"], code=data["otp"], request=_inner(request), now=now)
        return _answer(user, sessions.begin(user, request=_inner(request), now=now), request)


class RefreshInput(StrictSerializer):
    """The refresh token."""

    refresh_token = serializers.CharField(max_length=200)


class TokensShape(serializers.Serializer[Any]):
    """A new pair."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(default="Bearer")
    expires_in = serializers.IntegerField()


class Refresh(ApiView):
    """`/auth/refresh`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}
    route_rates = {"post": [Rate("refresh", 10, 60, "ip", on_failure="local")]}

    @extend_schema(request=RefreshInput, responses={200: TokensShape})
    def post(self, request: Request) -> Response:
        """Exchange the refresh token.

        A refresh token works once. Using a replaced one ends the session everywhere, because somebody
        else must have a copy.
        """
        data = self.checked(RefreshInput, request)
        pair = sessions.rotate(data["refresh_token"], request=_inner(request), now=timezone.now())
        shape = {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "token_type": "Bearer",
            "expires_in": pair.expires_in,
        }
        return Response(shape, headers={"Cache-Control": "no-store"})


class LogoutInput(StrictSerializer):
    """Which session ends: that of the token, all of them, or the present one."""

    refresh_token = serializers.CharField(max_length=200, required=False, default="")
    everywhere = serializers.BooleanField(required=False, default=False)


class Logout(ApiView):
    """`/auth/logout`."""

    route_permissions = {"post": MEMBER}

    @extend_schema(request=LogoutInput, responses={200: DoneShape})
    def post(self, request: Request) -> Response:
        """Sign out.

        Ends the session of the given refresh token, else the present one; with `everywhere` all sessions of
        the person. Access tokens of ended sessions stop working at once.
        """
        data = self.checked(LogoutInput, request)
        user, now = _person(request), timezone.now()
        if data["everywhere"]:
            sessions.end_all(user, reason="signed_out", now=now)
        elif data["refresh_token"]:
            sessions.end(data["refresh_token"], now=now)
        elif session_id := getattr(request.auth, "session_id", None):
            sessions.end_family(session_id, reason="signed_out", now=now)
        audit.record(action="user.signed_out", entity=user, by=user, request=_inner(request), now=now)
        return Response(_DONE)


def _person(request: Request) -> User:
    user = request.user
    assert isinstance(user, User), "the permission class let members in only"
    return user


class Me(ApiView):
    """`/auth/me`."""

    route_permissions = {"get": MEMBER}

    @extend_schema(responses={200: MeShape})
    def get(self, request: Request) -> Response:
        """Show the own profile.

        With the organization and what the credentials in use allow.
        """
        return Response(MeShape(_person(request), context={"request": request}).data)


class VerifyShape(serializers.Serializer[Any]):
    """What the access token is worth."""

    valid = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    user_id = serializers.UUIDField()


class VerifyToken(ApiView):
    """`/auth/verify-token`."""

    route_permissions = {"get": MEMBER}

    @extend_schema(responses={200: VerifyShape})
    def get(self, request: Request) -> Response:
        """Check the token in use.

        Answers 401 when it is not valid.
        """
        expires_at = getattr(request.auth, "expires_at", None)
        return Response(VerifyShape({"valid": True, "expires_at": expires_at, "user_id": _person(request).pk}).data)


class ForgotInput(StrictSerializer):
    """Whose password."""

    email = serializers.EmailField(max_length=254)


class PasswordForgot(ApiView):
    """`/auth/password/forgot`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}
    route_rates = {"post": [Rate("forgot", 5, 3600, "ip", on_failure="local")]}

    @extend_schema(request=ForgotInput, responses={202: DoneShape})
    def post(self, request: Request) -> Response:
        """Ask for a new password.

        The answer is the same whether the account exists or not; if it does, a link is mailed that works
        once, for an hour.
        """
        mail.ask_reset(self.checked(ForgotInput, request)["email"])
        return Response(_DONE, status=202)


class ResetInput(StrictSerializer):
    """The token of the mail and the new password."""

    token = serializers.CharField(max_length=200)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class LinkExpiredError(DomainError):
    """The link was used, or is too old."""

    code = "LINK_EXPIRED"
    status = 410
    kind = "not_found"


class PasswordReset(ApiView):
    """`/auth/password/reset`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}
    route_rates = {"post": [Rate("reset", 10, 3600, "ip", on_failure="local")]}

    @extend_schema(request=ResetInput, responses={200: DoneShape})
    def post(self, request: Request) -> Response:
        """Choose a new password.

        `token` is the last part of the mailed link. All sessions of the person end.
        """
        data = self.checked(ResetInput, request)
        user = mail.user_of_reset_token(data["token"])
        if user is None:
            raise LinkExpiredError(_("This link was used before or is too old."))
        people.change_password(user, strong(data["password"], user), now=timezone.now(), request=_inner(request))
        return Response(_DONE)


class ChangeInput(StrictSerializer):
    """The old password and the new one."""

    current_password = serializers.CharField(max_length=128, trim_whitespace=False)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class PasswordChange(ApiView):
    """`/auth/password/change`."""

    route_permissions = {"post": MEMBER}
    route_rates = {"post": [Rate("password-change", 5, 60, "user", on_failure="local")]}

    @extend_schema(request=ChangeInput, responses={200: DoneShape})
    def post(self, request: Request) -> Response:
        """Change the own password.

        All sessions of the person end, this one included: sign in again.
        """
        data, user = self.checked(ChangeInput, request), _person(request)
        if user.limited_to is not None or not user.check_password(data["current_password"]):
            raise serializers.ValidationError({"current_password": [_("This is not your password.")]})
        people.change_password(user, strong(data["password"], user), now=timezone.now(), request=_inner(request))
        return Response(_DONE)


class EmailInput(StrictSerializer):
    """The code of the mail."""

    token = serializers.CharField(max_length=400)


class EmailVerify(ApiView):
    """`/auth/email/verify`."""

    authentication_classes = ()
    route_permissions = {"post": PUBLIC}
    route_rates = {"post": [Rate("verify", 20, 3600, "ip", on_failure="local")]}

    @extend_schema(request=EmailInput, responses={200: DoneShape})
    def post(self, request: Request) -> Response:
        """Confirm the e-mail address.

        The code works once, for a day.
        """
        user = mail.user_of_verify_token(self.checked(EmailInput, request)["token"])
        if user is None:
            raise LinkExpiredError(_("This code was used before or is too old."))
        User.objects.filter(pk=user.pk).update(email_verified_at=timezone.now())
        return Response(_DONE)


class Sessions(ApiViewSet):
    """`/auth/sessions`."""

    schema_tag = "auth"
    queryset = RefreshToken.objects.none()
    serializer_class = SessionShape
    route_permissions = {"list": MEMBER, "destroy": MEMBER}
    sort_fields = {"created_at": "created_at"}

    def get_queryset(self) -> QuerySet[RefreshToken]:
        """Return the living token of each own session."""
        if not self.request.user.is_authenticated:
            return RefreshToken.objects.none()
        return RefreshToken.objects.filter(
            user=self.request.user, revoked_at__isnull=True, expires_at__gt=timezone.now()
        )

    @extend_schema(responses={200: SessionShape(many=True)})
    def list(self, request: Request) -> Response:
        """List the own sessions.

        Sessions of API clients; browsers are listed on the profile page.
        """
        return self.page(SessionShape)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """End one of the own sessions.

        Its access tokens stop working at once.
        """
        if not self.get_queryset().filter(family_id=pk).exists():
            raise NotFoundError(_("There is no such session."))
        sessions.end_family(pk, reason="signed_out", now=timezone.now())
        return Response(status=204)
